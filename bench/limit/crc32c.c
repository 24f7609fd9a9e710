/*
 * CRC-32C by the processor's own instruction, three streams at a time.
 *
 *     | stream a | stream b | stream c | stream a | …      block = LONG or SHORT bytes a stream
 *
 * The instruction takes three cycles and one can start in each, so a single stream leaves two
 * thirds of the unit idle. Three neighbouring blocks are summed side by side and joined: the sum
 * of `a` is moved over the length of a block (a linear map, tabled byte by byte), then xored with
 * that of `b`, and so on.
 *
 * Invariant: the result is that of the plain byte-wise definition for every size and alignment;
 * the self-test of the load generator compares both.
 */
#include "crc32c.h"

#include <string.h>

#if defined(__SSE4_2__) && defined(__x86_64__)
#include <nmmintrin.h>
static inline uint32_t step_8(uint32_t crc, uint64_t word) {
  return (uint32_t)_mm_crc32_u64(crc, word);
}
static inline uint32_t step_1(uint32_t crc, uint8_t byte) { return _mm_crc32_u8(crc, byte); }
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
static inline uint32_t step_8(uint32_t crc, uint64_t word) { return __crc32cd(crc, word); }
static inline uint32_t step_1(uint32_t crc, uint8_t byte) { return __crc32cb(crc, byte); }
#else
#error "the limit server needs hardware CRC-32C: -msse4.2, or -march=armv8-a+crc"
#endif

enum { LONG = 4096, SHORT = 256 };

/* What a sum becomes when LONG or SHORT zero bytes follow, by each byte of the sum. */
static uint32_t shift_long[4][256];
static uint32_t shift_short[4][256];

static void prepare_shift(uint32_t table[4][256], size_t zeros) {
  uint32_t of_bit[32];
  for (int bit = 0; bit < 32; bit += 1) {
    uint32_t crc = (uint32_t)1 << bit;
    for (size_t at = 0; at < zeros; at += 8) crc = step_8(crc, 0);
    of_bit[bit] = crc;
  }
  for (int byte = 0; byte < 4; byte += 1) {
    for (int value = 0; value < 256; value += 1) {
      uint32_t sum = 0;
      for (int bit = 0; bit < 8; bit += 1) {
        if ((value >> bit & 1) != 0) sum ^= of_bit[byte * 8 + bit];
      }
      table[byte][value] = sum;
    }
  }
}

void crc32c_prepare(void) {
  prepare_shift(shift_long, LONG);
  prepare_shift(shift_short, SHORT);
}

static inline uint32_t shifted(uint32_t table[4][256], uint32_t crc) {
  return table[0][crc & 255] ^ table[1][crc >> 8 & 255] ^ table[2][crc >> 16 & 255] ^
         table[3][crc >> 24];
}

static inline uint64_t load_8(const uint8_t *from) {
  uint64_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

/* Takes 3 * block bytes. */
static inline uint32_t three_streams(uint32_t crc, const uint8_t *at, size_t block,
                                     uint32_t table[4][256]) {
  uint32_t second = 0;
  uint32_t third = 0;
  for (const uint8_t *end = at + block; at < end; at += 8) {
    crc = step_8(crc, load_8(at));
    second = step_8(second, load_8(at + block));
    third = step_8(third, load_8(at + 2 * block));
  }
  return shifted(table, shifted(table, crc) ^ second) ^ third;
}

uint32_t crc32c(const uint8_t *bytes, size_t size) {
  uint32_t crc = ~(uint32_t)0;
  for (; size >= 3 * LONG; bytes += 3 * LONG, size -= 3 * LONG) {
    crc = three_streams(crc, bytes, LONG, shift_long);
  }
  for (; size >= 3 * SHORT; bytes += 3 * SHORT, size -= 3 * SHORT) {
    crc = three_streams(crc, bytes, SHORT, shift_short);
  }
  for (; size >= 8; bytes += 8, size -= 8) crc = step_8(crc, load_8(bytes));
  for (; size > 0; bytes += 1, size -= 1) crc = step_1(crc, *bytes);
  return ~crc;
}
