/*
 * Command line of the load generator, and its line of JSON.
 *
 *     load produce      --port N [--connections C] [--in-flight D] [--batch B] [--seconds S] …
 *     load produce      --port N --offered R …     an open loop of R requests a second in all
 *     load fill         --port N --topic NAME --create --mib N    big batches, as fast as it goes
 *     load fetch        --port N --topic NAME [--connections R] [--max-bytes M] [--verify] [--once]
 *     load small-append --port N --count N     load small-fetch --port N --topic NAME --count N
 *     load tail         --port N [--rate R] [--seconds S]         one producer, one consumer
 *     load touch --mib N       load selftest       load resident FILE…       load evict FILE…
 *
 * Without --topic a topic of a unique name is created with the settings of --config KEY=VALUE.
 *
 * Invariant: one line on stdout when everything was right; otherwise a message on stderr and exit
 * 1.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crc32c.h"
#include "load.h"

_Noreturn void die(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fprintf(stderr, "load: ");
  vfprintf(stderr, format, values);
  fprintf(stderr, "\n");
  va_end(values);
  exit(1);
}

void *allocate(size_t size) {
  void *memory = calloc(1, size == 0 ? 1 : size);
  if (memory == NULL) die("no memory");
  return memory;
}

static double number(const char *text) {
  char *end;
  double value = strtod(text, &end);
  if (*text == '\0' || *end != '\0' || value < 0) die("not a number: %s", text);
  return value;
}

static uint64_t mib_wanted = 0;

/* Options that take no value; false when `word` is none of them. */
static bool read_switch(struct options *options, const char *word) {
  if (strcmp(word, "--create") == 0) options->creates_topic = true;
  else if (strcmp(word, "--verify") == 0) options->verifies = true;
  else if (strcmp(word, "--discard") == 0) options->discards = true;
  else if (strcmp(word, "--once") == 0) options->once = true;
  else if (strcmp(word, "--stats") == 0) options->asks_stats = true;
  else if (strcmp(word, "--park") == 0) options->parks = true;
  else return false;
  return true;
}

static void read_option(struct options *options, const char *word, const char *value) {
  if (strcmp(word, "--topic") == 0) {
    snprintf(options->topic, sizeof options->topic, "%s", value);
  } else if (strcmp(word, "--config") == 0) {
    if (options->config_count == CONFIG_MAX) die("too many settings");
    options->config[options->config_count++] = value;
  } else if (strcmp(word, "--port") == 0) options->port = (uint16_t)number(value);
  else if (strcmp(word, "--partitions") == 0) options->partitions = (uint32_t)number(value);
  else if (strcmp(word, "--connections") == 0) options->connections = (uint32_t)number(value);
  else if (strcmp(word, "--in-flight") == 0) options->in_flight = (uint32_t)number(value);
  else if (strcmp(word, "--batch") == 0) options->batch_bytes = (uint32_t)number(value);
  else if (strcmp(word, "--records") == 0) options->records = (uint32_t)number(value);
  else if (strcmp(word, "--acks") == 0) options->acks = strcmp(value, "1") == 0 ? 1 : ACKS_ALL;
  else if (strcmp(word, "--warmup") == 0) options->warmup_s = number(value);
  else if (strcmp(word, "--seconds") == 0) options->seconds = number(value);
  else if (strcmp(word, "--rate") == 0) options->rate = number(value);
  else if (strcmp(word, "--offered") == 0) options->offered = number(value);
  else if (strcmp(word, "--count") == 0) options->count = (uint64_t)number(value);
  else if (strcmp(word, "--mib") == 0) mib_wanted = (uint64_t)number(value);
  else if (strcmp(word, "--max-bytes") == 0) options->max_bytes = (uint32_t)number(value);
  else if (strcmp(word, "--pid") == 0) options->server_pid = (uint32_t)number(value);
  else die("unknown option %s", word);
}

static void read_options(struct options *options, int count, char **words) {
  for (int at = 2; at < count; at += 1) {
    if (read_switch(options, words[at])) continue;
    if (at + 1 == count) die("%s wants a value", words[at]);
    read_option(options, words[at], words[at + 1]);
    at += 1;
  }
  if (options->connections == 0 || options->in_flight == 0 || options->partitions == 0) {
    die("connections, in-flight and partitions are at least 1");
  }
  if (mib_wanted > 0) options->count = (mib_wanted << 20) / options->batch_bytes;
  if (options->topic[0] == '\0') {
    unsigned long now = (unsigned long)monotonic_ns();
    snprintf(options->topic, sizeof options->topic, "load-%d-%lx", (int)getpid(), now);
    options->creates_topic = true;
  }
}

/*
 * Takes memory and gives it back. A virtual machine may have returned free pages to its host, and
 * the first write into such a page costs ten times as much: a benchmark must not meet them.
 */
static void touch_memory(void) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  void *memory = mmap(NULL, mib_wanted << 20, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) die("cannot map %lu MiB", (unsigned long)mib_wanted);
  printf("{\"mode\":\"touch\",\"mib\":%lu,\"errors\":0}\n", (unsigned long)mib_wanted);
}

static bool ends_with_total(const char *name) {
  size_t size = strlen(name);
  return size > 6 && strcmp(name + size - 6, "_total") == 0;
}

static void print_counters(const struct counter *before, const struct counter *after,
                           uint32_t count) {
  const char *comma = "";
  printf(",\"counters\":{");
  for (uint32_t at = 0; at < count; at += 1) {
    if (!ends_with_total(after[at].name)) continue;
    if (strcmp(before[at].name, after[at].name) != 0) die("the order of the counters changed");
    uint64_t grown = after[at].value - before[at].value;
    printf("%s\"%s\":%lu", comma, after[at].name, (unsigned long)grown);
    comma = ",";
  }
  printf("}");
}

static void print_run(const struct run *run) {
  const struct options *options = run->options;
  const struct histogram *latencies = &run->latencies;
  double elapsed_s = run->elapsed_s;
  printf("{\"mode\":\"%s\",\"topic\":\"%s\",\"connections\":%u,\"inFlight\":%u", options->mode,
         options->topic, options->connections, options->in_flight);
  printf(",\"seconds\":%.4f,\"operations\":%lu,\"bytes\":%lu", elapsed_s,
         (unsigned long)run->operations, (unsigned long)run->bytes);
  printf(",\"operationsPerSecond\":%.1f,\"bytesPerSecond\":%.0f",
         (double)run->operations / elapsed_s, (double)run->bytes / elapsed_s);
  printf(",\"operationsAll\":%lu,\"bytesAll\":%lu", (unsigned long)run->operations_all,
         (unsigned long)run->bytes_all);
  printf(",\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,\"maxUs\":%.1f",
         histogram_us(latencies, 0.5), histogram_us(latencies, 0.99),
         histogram_us(latencies, 0.999), (double)latencies->max_ns / 1e3);
  if (run->acks.count > 0) {
    printf(",\"ackP50Us\":%.1f,\"ackP99Us\":%.1f", histogram_us(&run->acks, 0.5),
           histogram_us(&run->acks, 0.99));
  }
  printf(",\"serverCpuSeconds\":%.2f,\"loadCpuSeconds\":%.2f,\"machineCpuSeconds\":%.2f",
         run->after.server_s - run->before.server_s, run->after.load_s - run->before.load_s,
         run->after.machine_s - run->before.machine_s);
  printf(",\"serverPeakMib\":%.1f,\"serverResidentMib\":%.1f", run->after.peak_mib,
         run->after.resident_mib);
  printf(",\"diskReadMib\":%.1f", run->after.disk_read_mib - run->before.disk_read_mib);
  printf(",\"errors\":0");
}

static void execute(struct options *options) {
  if (options->port == 0) die("--port is missing");
  if (options->creates_topic) session_create_topic(options);
  int control = options->asks_stats ? session_open(options) : -1;
  struct counter *before = allocate(COUNTERS_MAX * sizeof *before);
  struct counter *after = allocate(COUNTERS_MAX * sizeof *after);
  uint32_t count = control >= 0 ? session_stats(control, before) : 0;
  struct run *run = allocate(sizeof *run);
  run->options = options;
  if (strcmp(options->mode, "fetch") == 0) fetch_run(run);
  else if (strcmp(options->mode, "tail") == 0) tail_run(run);
  else pipeline_run(run);
  if (control >= 0 && session_stats(control, after) != count) die("the counters changed");
  print_run(run);
  if (control >= 0) print_counters(before, after, count);
  printf("}\n");
}

int main(int count, char **words) {
  struct options options = {.mode = count > 1 ? words[1] : "",
                            .partitions = 1,
                            .connections = 1,
                            .in_flight = 1,
                            .batch_bytes = 1024,
                            .records = 1,
                            .acks = ACKS_ALL,
                            .warmup_s = 0.3,
                            .seconds = 1,
                            .rate = 1000,
                            .max_bytes = 1024 * 1024};
  crc32c_prepare();
  if (strcmp(options.mode, "selftest") == 0) {
    batch_selftest();
    printf("{\"mode\":\"selftest\",\"errors\":0}\n");
    return 0;
  }
  if (strcmp(options.mode, "resident") == 0 || strcmp(options.mode, "evict") == 0) {
    cache_run(options.mode, count - 2, words + 2);
    return 0;
  }
  if (strcmp(options.mode, "touch") == 0) {
    read_options(&options, count, words);
    touch_memory();
    return 0;
  }
  if (strcmp(options.mode, "fill") == 0) {
    options.batch_bytes = 64 * 1024;
    options.in_flight = 16;
    options.count = 1;
  } else if (strncmp(options.mode, "small-", 6) == 0) {
    options.batch_bytes = 128;
    options.max_bytes = 128;
    options.connections = 16;
    options.in_flight = 16;
    options.count = 1000000;
  } else if (strcmp(options.mode, "produce") != 0 && strcmp(options.mode, "fetch") != 0 &&
             strcmp(options.mode, "tail") != 0) {
    die("modes are produce, fill, fetch, tail, small-append, small-fetch, resident, evict");
  }
  read_options(&options, count, words);
  execute(&options);
  return 0;
}
