/*
 * The native protocol and the record batch as C sees them: offsets, codes, big-endian access.
 * Shared by the limit server and the load generator; the authority is src/native/ and
 * src/format/.
 *
 *     request   u32 size | u16 operation | u8 version | u8 flags | u32 correlation | body
 *     reply     u32 size | u16 error     | u8 version | u8 flags | u32 correlation | body
 *
 * Invariant: nothing here allocates or checks bounds; callers compare sizes first.
 */
#ifndef SLUICE_BENCH_WIRE_H
#define SLUICE_BENCH_WIRE_H

#include <stdint.h>
#include <string.h>

enum { FRAME_HEADER_SIZE = 12, FRAME_SIZE_FIELD = 4 };
enum { FRAME_SIZE_MAX_BEFORE_HELLO = 8 * 1024, FRAME_SIZE_MAX = 100 * 1024 * 1024 };
enum { FRAME_AT_CODE = 4, FRAME_AT_VERSION = 6, FRAME_AT_FLAGS = 7, FRAME_AT_CORRELATION = 8 };

enum operation {
  OPERATION_HELLO = 1,
  OPERATION_PING = 2,
  OPERATION_CREATE_TOPIC = 100,
  OPERATION_OPEN_PARTITION = 200,
  OPERATION_PRODUCE = 201,
  OPERATION_FETCH = 202,
  OPERATION_OFFSETS = 300,
  OPERATION_STATS = 500,
};

enum error_code {
  ERROR_NONE = 0,
  ERROR_INVALID_FRAME = 2,
  ERROR_FRAME_TOO_LARGE = 3,
  ERROR_UNKNOWN_OPERATION = 4,
  ERROR_UNSUPPORTED_VERSION = 5,
  ERROR_INVALID_REQUEST = 6,
  ERROR_HELLO_REQUIRED = 7,
  ERROR_UNSUPPORTED_PROTOCOL = 8,
  ERROR_UNKNOWN_HANDLE = 9,
  ERROR_TOO_MANY_HANDLES = 11,
  ERROR_TOPIC_NOT_FOUND = 20,
  ERROR_TOPIC_EXISTS = 21,
  ERROR_INVALID_TOPIC_NAME = 22,
  ERROR_INVALID_PARTITIONS = 23,
  ERROR_INVALID_CONFIG = 24,
  ERROR_PARTITION_NOT_FOUND = 25,
  ERROR_OFFSET_OUT_OF_RANGE = 40,
  ERROR_BATCH_CORRUPT = 41,
  ERROR_BATCH_INVALID = 42,
  ERROR_BATCH_TOO_LARGE = 43,
  ERROR_UNSUPPORTED_MAGIC = 44,
  ERROR_STORAGE_FAILED = 60,
  ERROR_DISK_FULL = 61,
};

enum level { LEVEL_NONE = 0, LEVEL_OS = 1, LEVEL_INTERVAL = 2, LEVEL_FSYNC = 3 };
enum acks { ACKS_NONE = 0, ACKS_LEADER = 1, ACKS_ALL = 255 };

/* Offsets inside bodies. */
enum { PRODUCE_AT_HANDLE = 0, PRODUCE_AT_ACKS = 4, PRODUCE_AT_RESERVED = 5, PRODUCE_AT_BATCH = 8 };
enum { PRODUCE_REPLY_AT_LEVEL = 8, PRODUCE_REPLY_AT_EPOCH = 12, PRODUCE_REPLY_SIZE = 16 };
enum { FETCH_AT_MAX_BYTES = 4, FETCH_AT_MIN_BYTES = 8, FETCH_AT_MAX_WAIT_MS = 12 };
enum { FETCH_AT_OFFSET = 16, FETCH_SIZE = 24 };
enum { FETCH_REPLY_AT_VISIBLE_END = 8, FETCH_REPLY_AT_BATCHES = 16 };

/* Offsets inside a record batch. */
enum {
  BATCH_AT_LENGTH = 8,
  BATCH_AT_EPOCH = 12,
  BATCH_AT_MAGIC = 16,
  BATCH_AT_CRC = 17,
  BATCH_AT_ATTRIBUTES = 21,
  BATCH_AT_LAST_DELTA = 23,
  BATCH_AT_BASE_TIMESTAMP = 27,
  BATCH_AT_MAX_TIMESTAMP = 35,
  BATCH_AT_PRODUCER_ID = 43,
  BATCH_AT_PRODUCER_EPOCH = 51,
  BATCH_AT_BASE_SEQUENCE = 53,
  BATCH_AT_COUNT = 57,
  BATCH_HEADER_SIZE = 61,
  BATCH_LENGTH_BASE = 12,
  BATCH_MAGIC = 2,
};

static inline uint16_t get_u16(const uint8_t *from) {
  uint16_t value;
  memcpy(&value, from, sizeof value);
  return __builtin_bswap16(value);
}

static inline uint32_t get_u32(const uint8_t *from) {
  uint32_t value;
  memcpy(&value, from, sizeof value);
  return __builtin_bswap32(value);
}

static inline uint64_t get_u64(const uint8_t *from) {
  uint64_t value;
  memcpy(&value, from, sizeof value);
  return __builtin_bswap64(value);
}

static inline void put_u16(uint8_t *into, uint16_t value) {
  value = __builtin_bswap16(value);
  memcpy(into, &value, sizeof value);
}

static inline void put_u32(uint8_t *into, uint32_t value) {
  value = __builtin_bswap32(value);
  memcpy(into, &value, sizeof value);
}

static inline void put_u64(uint8_t *into, uint64_t value) {
  value = __builtin_bswap64(value);
  memcpy(into, &value, sizeof value);
}

/* Writes the header of a frame of `size` bytes in all; `code` is the operation or the error. */
static inline void put_frame_header(uint8_t *into, uint32_t size, uint16_t code,
                                    uint32_t correlation) {
  put_u32(into, size - FRAME_SIZE_FIELD);
  put_u16(into + FRAME_AT_CODE, code);
  into[FRAME_AT_VERSION] = 0;
  into[FRAME_AT_FLAGS] = 0;
  put_u32(into + FRAME_AT_CORRELATION, correlation);
}

#endif
