/*
 * Record batches as the load sends and checks them.
 *
 *     header 61 | record 0 | record 1 | …   no key, no header fields, pseudo-random text as values
 *
 * Invariant: a built batch passes the broker's check; `batch_verify_all` ends the run at the
 * first byte that is not what the format says.
 */
#include "crc32c.h"
#include "load.h"

static uint8_t *put_varint(uint8_t *into, int64_t value) {
  uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  while (zigzag >= 128) {
    *into++ = (uint8_t)(zigzag | 128);
    zigzag >>= 7;
  }
  *into++ = (uint8_t)zigzag;
  return into;
}

static uint32_t varint_size(int64_t value) {
  uint8_t scratch[10];
  return (uint32_t)(put_varint(scratch, value) - scratch);
}

/* attributes, timestampDelta, offsetDelta, key -1, value size, value, no header fields */
static uint32_t record_body_size(uint32_t index, uint32_t value_size) {
  return 4 + varint_size(index) + varint_size(value_size) + value_size;
}

static uint8_t *put_record(uint8_t *into, uint32_t index, uint32_t value_size, uint32_t *seed) {
  into = put_varint(into, record_body_size(index, value_size));
  *into++ = 0;
  *into++ = 0;
  into = put_varint(into, index);
  into = put_varint(into, -1);
  into = put_varint(into, value_size);
  for (uint32_t at = 0; at < value_size; at += 1) {
    *seed = *seed * 1664525 + 1013904223;
    *into++ = (uint8_t)('0' + (*seed >> 27));
  }
  *into++ = 0;
  return into;
}

/* The largest value that makes a record of at most `size` bytes; -1 when none does. */
static int64_t value_size_for(uint32_t index, uint32_t size) {
  for (int64_t value = size; value >= 0; value -= 1) {
    uint32_t body = record_body_size(index, (uint32_t)value);
    if (body + varint_size(body) <= size) return value;
  }
  return -1;
}

/* Fills exactly `size` bytes with a batch of `records` records. */
void batch_build(uint8_t *into, uint32_t size, uint32_t records, uint32_t seed) {
  uint8_t *at = into + BATCH_HEADER_SIZE;
  for (uint32_t index = 0; index < records; index += 1) {
    uint32_t left = (uint32_t)(into + size - at);
    uint32_t share = left / (records - index);
    int64_t value_size = size < BATCH_HEADER_SIZE ? -1 : value_size_for(index, share);
    if (value_size < 0) die("a batch of %u bytes does not hold %u records", size, records);
    at = put_record(at, index, (uint32_t)value_size, &seed);
  }
  /* Where a size varint grows, one size cannot be met: the batch says what it is. */
  if (at != into + size) die("no batch of exactly %u bytes; take another size", size);
  memset(into, 0, BATCH_HEADER_SIZE);
  put_u32(into + BATCH_AT_LENGTH, size - BATCH_LENGTH_BASE);
  into[BATCH_AT_MAGIC] = BATCH_MAGIC;
  put_u32(into + BATCH_AT_LAST_DELTA, records - 1);
  put_u64(into + BATCH_AT_BASE_TIMESTAMP, 1760000000000);
  put_u64(into + BATCH_AT_MAX_TIMESTAMP, 1760000000000);
  put_u64(into + BATCH_AT_PRODUCER_ID, UINT64_MAX);
  put_u16(into + BATCH_AT_PRODUCER_EPOCH, UINT16_MAX);
  put_u32(into + BATCH_AT_BASE_SEQUENCE, UINT32_MAX);
  put_u32(into + BATCH_AT_COUNT, records);
  put_u32(into + BATCH_AT_CRC, crc32c(into + BATCH_AT_ATTRIBUTES, size - BATCH_AT_ATTRIBUTES));
}

/* Checks whole batches that begin at `offset`, back to back; the offset after the last one. */
uint64_t batch_verify_all(const uint8_t *bytes, size_t size, uint64_t offset) {
  for (size_t at = 0; at < size;) {
    const uint8_t *batch = bytes + at;
    if (size - at < BATCH_HEADER_SIZE) die("a fetched batch is cut in its header");
    uint64_t whole = (uint64_t)get_u32(batch + BATCH_AT_LENGTH) + BATCH_LENGTH_BASE;
    if (whole < BATCH_HEADER_SIZE || whole > size - at) die("a fetched batch is cut");
    if (get_u64(batch) != offset) {
      die("offset %lu expected, %lu found", (unsigned long)offset, (unsigned long)get_u64(batch));
    }
    uint32_t computed = crc32c(batch + BATCH_AT_ATTRIBUTES, whole - BATCH_AT_ATTRIBUTES);
    if (computed != get_u32(batch + BATCH_AT_CRC)) die("a fetched batch has a wrong checksum");
    offset += get_u32(batch + BATCH_AT_COUNT);
    at += whole;
  }
  return offset;
}

/* The instruction's result against the definition, bit by bit, over sizes and alignments. */
void batch_selftest(void) {
  static uint8_t bytes[40000];
  uint32_t seed = 7;
  for (size_t at = 0; at < sizeof bytes; at += 1) {
    seed = seed * 1664525 + 1013904223;
    bytes[at] = (uint8_t)(seed >> 24);
  }
  for (uint32_t size = 0; size < 38000; size += 1 + size / 7) {
    const uint8_t *from = bytes + size % 9;
    uint32_t expected = ~(uint32_t)0;
    for (uint32_t at = 0; at < size; at += 1) {
      expected ^= from[at];
      for (int bit = 0; bit < 8; bit += 1) {
        expected = expected >> 1 ^ (0x82f63b78 & -(expected & 1));
      }
    }
    if (crc32c(from, size) != ~expected) die("CRC-32C of %u bytes is wrong", size);
  }
  if (crc32c((const uint8_t *)"123456789", 9) != 0xe3069283) die("CRC-32C check value is wrong");
}
