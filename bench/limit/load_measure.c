/*
 * What a run measures: latencies in fixed buckets, CPU, memory and disk reads from /proc.
 *
 *     connect | warm-up | measured window: begin_ns .. end_ns | drain
 *
 * CPU is sampled at both ends of the window by this very process, so that the figures fit the
 * window. The clock ticks of /proc are 10 ms: a window of a second is known to 1 %.
 *
 * Invariant: only replies that arrive inside the window are counted in it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

uint64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint32_t bucket_of(uint64_t ns) {
  if (ns < SUB_BUCKETS) return (uint32_t)ns;
  uint32_t power = 63 - (uint32_t)__builtin_clzll(ns);
  uint32_t shift = power - 6;
  uint32_t bucket = (shift + 1) * SUB_BUCKETS + (uint32_t)(ns >> shift) - SUB_BUCKETS;
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_end(uint32_t bucket) {
  if (bucket < SUB_BUCKETS) return bucket;
  uint32_t shift = bucket / SUB_BUCKETS - 1;
  return ((uint64_t)(bucket % SUB_BUCKETS + SUB_BUCKETS + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
  histogram->buckets[bucket_of(ns)] += 1;
  histogram->count += 1;
  if (ns > histogram->max_ns) histogram->max_ns = ns;
}

double histogram_us(const struct histogram *histogram, double quantile) {
  uint64_t wanted = (uint64_t)((double)histogram->count * quantile);
  uint64_t seen = 0;
  for (uint32_t bucket = 0; bucket < BUCKETS; bucket += 1) {
    seen += histogram->buckets[bucket];
    if (seen <= wanted) continue;
    uint64_t ns = bucket_end(bucket);
    return (double)(ns < histogram->max_ns ? ns : histogram->max_ns) / 1e3;
  }
  return (double)histogram->max_ns / 1e3;
}

/* utime and stime of a process, all its threads, the ended ones too. */
static double process_cpu_s(uint32_t pid) {
  char path[64];
  char line[1024];
  snprintf(path, sizeof path, "/proc/%u/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) die("no process %u", pid);
  size_t size = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[size] = '\0';
  char *after_name = strrchr(line, ')');
  if (after_name == NULL) die("%s is not understood", path);
  unsigned long user = 0;
  unsigned long system = 0;
  const char *format = " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
  if (sscanf(after_name + 1, format, &user, &system) != 2) die("%s is not understood", path);
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Everything that was not idle, of all processors, the kernel's own threads included. */
static double machine_cpu_s(void) {
  unsigned long user, nice, system, idle, wait, irq, softirq, steal;
  FILE *file = fopen("/proc/stat", "r");
  if (file == NULL) die("no /proc/stat");
  const char *format = "cpu %lu %lu %lu %lu %lu %lu %lu %lu";
  int read = fscanf(file, format, &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal);
  fclose(file);
  if (read != 8) die("/proc/stat is not understood");
  return (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
}

static void read_memory(uint32_t pid, struct cpu_sample *sample) {
  char path[64];
  char line[256];
  unsigned long kib = 0;
  snprintf(path, sizeof path, "/proc/%u/status", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) die("no process %u", pid);
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "VmHWM: %lu kB", &kib) == 1) sample->peak_mib = (double)kib / 1024;
    if (sscanf(line, "VmRSS: %lu kB", &kib) == 1) sample->resident_mib = (double)kib / 1024;
  }
  fclose(file);
}

/* Pages of its files that were not in the cache; sendfile reads in the name of the server. */
static double disk_read_mib(uint32_t pid) {
  char path[64];
  char line[256];
  unsigned long bytes = 0;
  snprintf(path, sizeof path, "/proc/%u/io", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) die("cannot read %s", path);
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "read_bytes: %lu", &bytes) == 1) break;
  }
  fclose(file);
  return (double)bytes / 1048576;
}

struct cpu_sample cpu_sample(uint32_t server_pid) {
  struct cpu_sample sample = {0};
  sample.machine_s = machine_cpu_s();
  sample.load_s = process_cpu_s((uint32_t)getpid());
  if (server_pid == 0) return sample;
  sample.server_s = process_cpu_s(server_pid);
  sample.disk_read_mib = disk_read_mib(server_pid);
  read_memory(server_pid, &sample);
  return sample;
}

static void begin_window(struct run *run, uint64_t now_ns) {
  run->is_measuring = true;
  run->begin_ns = now_ns;
  run->before = cpu_sample(run->options->server_pid);
}

void run_start(struct run *run, uint64_t now_ns) {
  const struct options *options = run->options;
  if (options->count > 0 || options->once) {
    run->end_ns = UINT64_MAX;
    begin_window(run, now_ns);
    return;
  }
  run->begin_ns = now_ns + (uint64_t)(options->warmup_s * 1e9);
  run->end_ns = run->begin_ns + (uint64_t)(options->seconds * 1e9);
}

/* Called once a turn; opens and closes the window. */
void run_tick(struct run *run, uint64_t now_ns) {
  if (run->is_over) return;
  if (!run->is_measuring && now_ns >= run->begin_ns) begin_window(run, now_ns);
  if (now_ns >= run->end_ns) run_finish(run, now_ns);
}

void run_finish(struct run *run, uint64_t now_ns) {
  if (run->is_over) return;
  run->is_measuring = false;
  run->is_over = true;
  run->elapsed_s = (double)(now_ns - run->begin_ns) / 1e9;
  run->after = cpu_sample(run->options->server_pid);
}

void run_record(struct run *run, uint64_t bytes, uint64_t latency_ns) {
  run->operations_all += 1;
  run->bytes_all += bytes;
  if (!run->is_measuring) return;
  run->operations += 1;
  run->bytes += bytes;
  histogram_add(&run->latencies, latency_ns);
}
