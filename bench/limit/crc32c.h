/*
 * CRC-32C by the processor's own instruction. `crc32c_prepare` is called once before the first
 * use.
 */
#ifndef SLUICE_BENCH_CRC32C_H
#define SLUICE_BENCH_CRC32C_H

#include <stddef.h>
#include <stdint.h>

void crc32c_prepare(void);

/* The checksum of `size` bytes, as it stands in a record batch. */
uint32_t crc32c(const uint8_t *bytes, size_t size);

#endif
