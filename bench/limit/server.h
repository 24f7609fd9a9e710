/*
 * The limit server: what Sluice could be at the most, in C, over the same protocol and the same
 * turn.
 *
 *     wait -> reap syncs -> receive -> dispatch -> write -> sync -> complete -> send
 *
 *     server.c      the turn, the listener, the command line
 *     connection.c  sockets: receive buffer, queue of unsent bytes and file slices
 *     frames.c      frames and the handler of each operation
 *     batch.c       the check of a produced batch
 *     topics.c      topics, partitions, where their directories are
 *     log.c         segments, the gathered write, the search of a fetch
 *     sync.c        group commit: which partitions, the short wait, Linux AIO
 *     sync_threads.c  the same syncs by threads: what the design does without
 *     waiters.c     acks and long polls until their condition holds
 *
 * Invariant of a partition: visible <= durable <= written <= staged at level fsync; at level os
 * visible = written. Points only grow, except that `staged` falls back to `written` when a write
 * fails.
 */
#ifndef SLUICE_BENCH_SERVER_H
#define SLUICE_BENCH_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "wire.h"

enum {
  CONNECTIONS_MAX = 16384,
  HANDLES_MAX = 65536,
  PARTITIONS_MAX = 1024,
  RECEIVE_SIZE = 256 * 1024,
  /* A connection above one of these is not read until it is below: memory stays bounded. */
  UNANSWERED_MAX = 64,
  UNSENT_BYTES_PAUSE = 1024 * 1024,
  VECTORS_MAX = 1024,
  EVENTS_MAX = 512,
  FETCH_SIZE_MAX = 64 * 1024 * 1024,
  FETCH_WAIT_MS_MAX = 600000,
  LEADER_EPOCH = 1,
};

/* A place in a partition: the offset of the next record, and all bytes of the log below it. */
struct point {
  uint64_t offset;
  uint64_t bytes;
};

/* Bytes of a file; size 0 is none. */
struct extent {
  int fd;
  uint32_t position;
  uint32_t size;
};

/* One batch of a segment; both numbers are relative to the segment. */
struct batch_entry {
  uint32_t last_offset;
  uint32_t position;
};

struct segment {
  int fd;
  struct point base;
  uint32_t size;
  struct batch_entry *entries;
  uint32_t count;
  uint32_t capacity;
};

/* A produce that was staged and not yet answered. */
struct ack {
  uint32_t slot;
  uint32_t generation;
  uint32_t correlation;
  uint8_t level;
  bool silent;
  uint64_t base_offset;
  uint64_t end_offset;
};

/* A fetch that waits for bytes or for its deadline. */
struct parked {
  struct parked *next;
  struct partition *partition;
  uint32_t slot;
  uint32_t generation;
  uint32_t correlation;
  uint32_t max_bytes;
  uint32_t min_bytes;
  uint64_t offset;
  uint64_t deadline_us;
};

struct partition {
  struct topic *topic;
  uint32_t number;
  int directory_fd;
  struct segment **segments;
  uint32_t segment_count;
  uint32_t segment_capacity;
  /* The first segment that holds bytes no sync has covered. */
  uint32_t unsynced_segment;

  struct point staged;
  struct point written;
  struct point durable;
  /* What the sync in flight will have made durable. */
  struct point syncing;
  bool sync_in_flight;
  uint64_t sync_began_us;
  uint64_t waiting_since_us;
  uint32_t group_wanted;
  /* In a queue of the sync threads: what to sync, and what came of it. */
  struct partition *next_job;
  int sync_fd;
  int sync_errno;

  struct iovec vectors[VECTORS_MAX];
  uint32_t vector_count;

  /* Ring, capacity a power of two; the last `acks_staged` wait for the write of this turn. */
  struct ack *acks;
  uint32_t ack_capacity;
  uint32_t ack_head;
  uint32_t ack_tail;
  uint32_t acks_staged;

  struct parked *parked;
  struct partition *next_touched;
  bool is_touched;
  struct partition *next_unsynced;
  bool is_unsynced;
};

struct topic {
  char name[256];
  uint8_t id[16];
  enum level durability;
  uint32_t segment_bytes;
  uint32_t max_message_bytes;
  uint32_t partition_count;
  struct partition *partitions;
  struct topic *next;
};

/* Bytes of a file, sent when `out_at` bytes of memory before it have left. */
struct slice {
  uint64_t out_at;
  int fd;
  uint64_t position;
  uint64_t size;
};

struct connection {
  int fd;
  uint32_t slot;
  uint32_t generation;
  bool said_hello;
  bool is_doomed;
  bool closes_when_sent;
  bool is_paused;
  bool is_ready;
  bool is_sending;
  uint32_t interest;
  uint32_t unanswered;

  /* parsed <= received <= capacity; bytes below `parsed` may be referenced until the write. */
  uint8_t *in;
  uint32_t in_parsed;
  uint32_t in_received;
  uint32_t in_capacity;

  /* Unsent memory is out[out_begin .. out_end); out_base is the stream position of out[0]. */
  uint8_t *out;
  size_t out_begin;
  size_t out_end;
  size_t out_capacity;
  uint64_t out_base;
  struct slice *slices;
  uint32_t slice_head;
  uint32_t slice_tail;
  uint32_t slice_capacity;
  uint64_t slice_bytes;

  struct partition **handles;
  uint32_t handle_count;
  uint32_t handle_capacity;

  struct connection *next_ready;
  struct connection *next_sending;
  struct connection *next_doomed;
};

struct counters {
  uint64_t turns, connections, receives, sends, sendfiles, requests, errors;
  uint64_t appends, append_records, append_bytes, writes, syncs;
  uint64_t fetches, fetch_bytes, fetches_parked;
};

/* How long a group may wait for the clients that were just acknowledged. */
struct wait_rule {
  /* A share of the average sync instead of `fixed_us`. */
  bool is_adaptive;
  uint32_t fixed_us;
};

struct server {
  int epoll_fd;
  int listener_fd;
  int sync_event_fd;
  int data_fd;
  unsigned long aio_context;
  /* 0: syncs go through AIO. */
  uint32_t sync_threads;
  struct wait_rule wait_rule;
  uint64_t average_sync_us;
  /* A group waits, or was not taken by the kernel: the next turn must not sleep. */
  bool is_waiting;
  uint64_t now_us;
  uint64_t next_deadline_us;

  struct connection *connections[CONNECTIONS_MAX];
  uint32_t generations[CONNECTIONS_MAX];
  uint32_t free_slots[CONNECTIONS_MAX];
  uint32_t free_slot_count;

  struct connection *ready;
  struct connection *sending;
  struct connection *doomed;
  struct partition *touched;
  struct partition *unsynced;
  struct topic *topics;
  struct counters counters;
};

/* Memory that must be there: the server ends with a message when it is not. */
void *allocate(size_t size);
void *reallocate(void *old, size_t size);
_Noreturn void fail(const char *what);

/* connection.c */
void connection_accept(struct server *server);
void connection_receive(struct server *server, struct connection *connection);
void connection_compact(struct connection *connection);
uint8_t *connection_reserve(struct server *server, struct connection *connection, size_t size);
void connection_push_slice(struct server *server, struct connection *connection, int fd,
                           uint64_t position, uint64_t size);
void connection_send(struct server *server, struct connection *connection);
void connection_mark_ready(struct server *server, struct connection *connection);
void connection_mark_sending(struct server *server, struct connection *connection);
void connection_pause(struct server *server, struct connection *connection);
bool connection_is_above_limits(const struct connection *connection);
void connection_doom(struct server *server, struct connection *connection);
void connection_bury_all(struct server *server);
struct connection *connection_find(struct server *server, uint32_t slot, uint32_t generation);

/* frames.c */
void frames_dispatch(struct server *server, struct connection *connection);
void frames_reply_error(struct server *server, struct connection *connection, enum error_code error,
                        uint32_t correlation);
void frames_reply_produce(struct server *server, const struct ack *ack);
void frames_reply_fetch(struct server *server, struct connection *connection,
                        struct partition *partition, uint64_t offset, uint32_t max_bytes,
                        uint32_t correlation);

/* batch.c */
enum error_code batch_check(const uint8_t *batch, uint32_t size, uint32_t size_max);

/* topics.c */
struct topic *topic_find(struct server *server, const uint8_t *name, size_t size);
enum error_code topic_create(struct server *server, struct topic *draft);

/* log.c */
enum error_code log_open_segment(struct partition *partition);
enum error_code log_stage(struct server *server, struct partition *partition, uint8_t *batch,
                          uint32_t size, struct ack ack);
void log_write_staged(struct server *server, struct partition *partition);
struct point log_visible(const struct partition *partition);
uint64_t log_bytes_from(const struct partition *partition, uint64_t offset);
struct extent log_find(const struct partition *partition, uint64_t offset, uint32_t max_bytes);

/* sync.c */
void sync_open(struct server *server);
void sync_reap(struct server *server);
void sync_request(struct server *server);
void sync_ended(struct server *server, struct partition *partition, int error);

/* sync_threads.c */
void sync_threads_open(struct server *server);
void sync_threads_submit(struct partition **chosen, long count);
void sync_threads_reap(struct server *server);

/* waiters.c */
void waiters_touch(struct server *server, struct partition *partition);
void waiters_push_ack(struct partition *partition, const struct ack *ack);
void waiters_refuse_staged(struct server *server, struct partition *partition,
                           enum error_code error);
void waiters_complete_acks(struct server *server, struct partition *partition);
void waiters_complete(struct server *server);
void waiters_park(struct server *server, const struct parked *fetch);
void waiters_expire(struct server *server);

#endif
