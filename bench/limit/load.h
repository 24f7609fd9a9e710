/*
 * The load generator: one thread that drives any server of the native protocol and prints one
 * line of JSON. The same program, and so the same cost on the client's side, for every server
 * compared.
 *
 *     load.c            modes, command line, the line of JSON
 *     load_session.c    blocking control requests: hello, create topic, open partition, stats
 *     load_pipeline.c   many small requests in flight: produce, fill, small-append, small-fetch
 *     load_fetch.c      readers that stream a log
 *     load_tail.c       a producer and a consumer at the tail, at a fixed rate
 *     load_cache.c      what of a file lies in the page cache
 *     load_batch.c      record batches, and the check of fetched ones
 *     load_measure.c    latencies, CPU seconds, memory and disk reads
 *
 * Invariant: every reply is matched with its request by correlation and its error code is looked
 * at; a run with one wrong reply has no result.
 */
#ifndef SLUICE_BENCH_LOAD_H
#define SLUICE_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

enum { CONFIG_MAX = 8, COUNTERS_MAX = 512, SUB_BUCKETS = 64, BUCKETS = SUB_BUCKETS * 40 };

struct options {
  const char *mode;
  uint16_t port;
  char topic[128];
  bool creates_topic;
  const char *config[CONFIG_MAX];
  uint32_t config_count;
  uint32_t partitions;
  uint32_t connections;
  uint32_t in_flight;
  uint32_t batch_bytes;
  uint32_t records;
  uint8_t acks;
  double warmup_s;
  double seconds;
  /* Records a second of tail. */
  double rate;
  /* Requests a second of produce, whatever the replies do; 0 is a closed loop. */
  double offered;
  /* Requests in all; 0 is "as long as the seconds last". */
  uint64_t count;
  uint32_t max_bytes;
  bool verifies;
  bool discards;
  bool once;
  bool asks_stats;
  /* Beside its requests every connection has a fetch of 10 s parked, on a partition of its own. */
  bool parks;
  uint32_t server_pid;
};

/* Log-linear buckets of nanoseconds: 64 to a power of two, so 1.6 % wide at the most. */
struct histogram {
  uint64_t buckets[BUCKETS];
  uint64_t count;
  uint64_t max_ns;
};

struct cpu_sample {
  double server_s;
  double load_s;
  double machine_s;
  /* Resident memory of the server: the most there was, and now. */
  double peak_mib;
  double resident_mib;
  /* What the server had fetched from a disk. */
  double disk_read_mib;
};

/* The window that is measured, and everything around it. */
struct run {
  const struct options *options;
  uint64_t begin_ns;
  uint64_t end_ns;
  /* Set while begin_ns .. end_ns lasts. */
  bool is_measuring;
  bool is_over;
  uint64_t operations;
  uint64_t bytes;
  uint64_t operations_all;
  uint64_t bytes_all;
  double elapsed_s;
  struct histogram latencies;
  /* Of tail: until a record is acknowledged; `latencies` are until it is delivered. */
  struct histogram acks;
  struct cpu_sample before;
  struct cpu_sample after;
};

struct counter {
  char name[96];
  uint64_t value;
};

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *allocate(size_t size);
uint64_t monotonic_ns(void);

/* load_session.c */
int session_connect(const struct options *options);
int session_open(const struct options *options);
void session_create_topic(const struct options *options);
uint32_t session_open_partition(int fd, const struct options *options, uint32_t partition,
                                uint64_t *visible_end);
uint32_t session_stats(int fd, struct counter *into);

/* load_batch.c */
void batch_build(uint8_t *into, uint32_t size, uint32_t records, uint32_t seed);
uint64_t batch_verify_all(const uint8_t *bytes, size_t size, uint64_t offset);
void batch_selftest(void);

/* load_measure.c */
void histogram_add(struct histogram *histogram, uint64_t ns);
double histogram_us(const struct histogram *histogram, double quantile);
struct cpu_sample cpu_sample(uint32_t server_pid);
void run_start(struct run *run, uint64_t now_ns);
void run_tick(struct run *run, uint64_t now_ns);
void run_finish(struct run *run, uint64_t now_ns);
void run_record(struct run *run, uint64_t bytes, uint64_t latency_ns);

/* load_pipeline.c, load_fetch.c, load_tail.c */
void pipeline_run(struct run *run);
void fetch_run(struct run *run);
void tail_run(struct run *run);

/* load_cache.c */
void cache_run(const char *mode, int count, char **paths);

#endif
