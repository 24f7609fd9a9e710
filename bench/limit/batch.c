/*
 * The check of a produced batch: the same as Sluice's `checkProduced`, cheapest test first.
 *
 *     size -> magic -> length -> CRC-32C -> attributes and counts -> records fill the batch
 *
 * Invariant: nothing reads at or above the end of the batch, whatever its bytes are.
 */
#include <stdbool.h>

#include "crc32c.h"
#include "server.h"

enum { CODEC_MASK = 0x07, CODEC_MAX = 4, REFUSED_ATTRIBUTES = 0xffff & ~(0x07 | 0x10) };
enum { VARINT_BYTES_MAX = 5, VARLONG_BYTES_MAX = 10, RECORD_BODY_SIZE_MIN = 6 };

static const int32_t MALFORMED = INT32_MIN;

struct cursor {
  const uint8_t *at;
  const uint8_t *end;
};

static int32_t read_varint(struct cursor *cursor) {
  uint32_t value = 0;
  for (int read = 0; read < VARINT_BYTES_MAX && cursor->at < cursor->end; read += 1) {
    uint8_t byte = *cursor->at++;
    value |= (uint32_t)(byte & 127) << (read * 7);
    if (byte < 128) return (int32_t)(value >> 1) ^ -(int32_t)(value & 1);
  }
  return MALFORMED;
}

static bool skip_varlong(struct cursor *cursor) {
  for (int read = 0; read < VARLONG_BYTES_MAX && cursor->at < cursor->end; read += 1) {
    if (*cursor->at++ < 128) return true;
  }
  return false;
}

static bool skip_sized(struct cursor *cursor, int32_t size_min) {
  int32_t size = read_varint(cursor);
  if (size < size_min || size > cursor->end - cursor->at) return false;
  if (size > 0) cursor->at += size;
  return true;
}

static bool record_fits(struct cursor *cursor, int32_t index) {
  if (*cursor->at++ != 0) return false;
  if (!skip_varlong(cursor) || read_varint(cursor) != index) return false;
  if (!skip_sized(cursor, -1) || !skip_sized(cursor, -1)) return false;
  int32_t headers = read_varint(cursor);
  if (headers < 0) return false;
  for (int32_t header = 0; header < headers; header += 1) {
    if (!skip_sized(cursor, 0) || !skip_sized(cursor, -1)) return false;
  }
  return cursor->at == cursor->end;
}

static bool records_fit(const uint8_t *from, const uint8_t *end, int32_t count) {
  struct cursor batch = {from, end};
  for (int32_t index = 0; index < count; index += 1) {
    int32_t length = read_varint(&batch);
    if (length < RECORD_BODY_SIZE_MIN || length > batch.end - batch.at) return false;
    struct cursor record = {batch.at, batch.at + length};
    if (!record_fits(&record, index)) return false;
    batch.at = record.end;
  }
  return batch.at == end;
}

static enum error_code check_counts(const uint8_t *batch, uint32_t size) {
  uint16_t attributes = get_u16(batch + BATCH_AT_ATTRIBUTES);
  int32_t count = (int32_t)get_u32(batch + BATCH_AT_COUNT);
  if ((attributes & REFUSED_ATTRIBUTES) != 0) return ERROR_BATCH_INVALID;
  if ((attributes & CODEC_MASK) > CODEC_MAX) return ERROR_BATCH_INVALID;
  if (count <= 0) return ERROR_BATCH_INVALID;
  if ((int32_t)get_u32(batch + BATCH_AT_LAST_DELTA) != count - 1) return ERROR_BATCH_INVALID;
  if (get_u64(batch) != 0) return ERROR_BATCH_INVALID;
  if ((int32_t)get_u32(batch + BATCH_AT_PRODUCER_ID) >= 0 &&
      (int32_t)get_u32(batch + BATCH_AT_BASE_SEQUENCE) < 0) {
    return ERROR_BATCH_INVALID;
  }
  if ((attributes & CODEC_MASK) != 0) {
    return size > BATCH_HEADER_SIZE ? ERROR_NONE : ERROR_BATCH_INVALID;
  }
  bool fits = records_fit(batch + BATCH_HEADER_SIZE, batch + size, count);
  return fits ? ERROR_NONE : ERROR_BATCH_INVALID;
}

enum error_code batch_check(const uint8_t *batch, uint32_t size, uint32_t size_max) {
  if (size > size_max) return ERROR_BATCH_TOO_LARGE;
  if (size < BATCH_HEADER_SIZE) return ERROR_BATCH_INVALID;
  if (batch[BATCH_AT_MAGIC] != BATCH_MAGIC) return ERROR_UNSUPPORTED_MAGIC;
  if (get_u32(batch + BATCH_AT_LENGTH) != size - BATCH_LENGTH_BASE) return ERROR_BATCH_INVALID;
  uint32_t computed = crc32c(batch + BATCH_AT_ATTRIBUTES, size - BATCH_AT_ATTRIBUTES);
  if (computed != get_u32(batch + BATCH_AT_CRC)) return ERROR_BATCH_CORRUPT;
  return check_counts(batch, size);
}
