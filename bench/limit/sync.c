/*
 * Group commit by Linux AIO: one `io_submit` for all dirty partitions of a turn, results by an
 * eventfd. With --sync-threads the same syncs go to threads instead (sync_threads.c).
 *
 *     written ----------------+--------------->   grows meanwhile, belongs to the next group
 *     syncing    snapshot ----|  IOCB_CMD_FDSYNC
 *     durable                 +--> snapshot       published when the kernel says 0
 *
 * Invariant: at most one sync of a partition is in flight, and `durable` takes only a snapshot
 * that was read before its sync was submitted. A failed sync ends the process: what it covered is
 * unknown.
 *
 * The short wait (--wait): a group waits until the clients that were just acknowledged are back,
 * beside those that waited already, because in a closed loop they are about to send again. A lone
 * client never waits: its first batch is the whole group.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server.h"

enum { SYNCS_PER_CALL = 256, SYNCS_IN_FLIGHT_MAX = 1024 };
/* The rule of src/server/group_wait.ts: the same share, the same average, the same limit. */
enum { AVERAGE_WEIGHT = 8, WAIT_PERCENT = 50, WAIT_US_MAX = 1000 };

void sync_open(struct server *server) {
  server->sync_event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (server->sync_event_fd < 0) fail("eventfd");
  if (server->sync_threads > 0) {
    sync_threads_open(server);
    return;
  }
  aio_context_t context = 0;
  if (syscall(SYS_io_setup, SYNCS_IN_FLIGHT_MAX, &context) != 0) fail("io_setup");
  server->aio_context = context;
}

static void mark_unsynced(struct server *server, struct partition *partition) {
  if (partition->is_unsynced || partition->sync_in_flight) return;
  if (partition->durable.offset == partition->written.offset) return;
  partition->is_unsynced = true;
  partition->waiting_since_us = server->now_us;
  partition->next_unsynced = server->unsynced;
  server->unsynced = partition;
}

static void publish(struct server *server, struct partition *partition) {
  partition->durable = partition->syncing;
  partition->sync_in_flight = false;
  /*
   * The sync was of one file; when it covered a sealed one whole, the next sync is of its
   * successor.
   */
  uint32_t next = partition->unsynced_segment + 1;
  if (next < partition->segment_count &&
      partition->segments[next]->base.offset == partition->durable.offset) {
    partition->unsynced_segment = next;
  }
  server->counters.syncs += 1;
  /* Now, so that the short wait counts only those who still wait. */
  waiters_complete_acks(server, partition);
  waiters_touch(server, partition);
}

/* A sync is over, whoever ran it. */
void sync_ended(struct server *server, struct partition *partition, int error) {
  if (error != 0) {
    errno = error;
    fail("a sync failed");
  }
  int64_t took_us = (int64_t)(server->now_us - partition->sync_began_us);
  int64_t average_us = (int64_t)server->average_sync_us;
  if (average_us == 0) average_us = took_us;
  server->average_sync_us = (uint64_t)(average_us + (took_us - average_us) / AVERAGE_WEIGHT);
  publish(server, partition);
}

static void reap_aio(struct server *server) {
  struct io_event events[SYNCS_PER_CALL];
  for (;;) {
    long count =
        syscall(SYS_io_getevents, server->aio_context, 0L, (long)SYNCS_PER_CALL, events, NULL);
    if (count < 0) fail("io_getevents");
    for (long at = 0; at < count; at += 1) {
      struct partition *partition = (struct partition *)(uintptr_t)events[at].data;
      sync_ended(server, partition, (int)-events[at].res);
    }
    if (count < SYNCS_PER_CALL) return;
  }
}

void sync_reap(struct server *server) {
  uint64_t signalled;
  if (read(server->sync_event_fd, &signalled, sizeof signalled) < 0 && errno != EAGAIN) {
    fail("eventfd");
  }
  if (server->sync_threads > 0) sync_threads_reap(server);
  else reap_aio(server);
}

static uint64_t wait_us(const struct server *server) {
  if (!server->wait_rule.is_adaptive) return server->wait_rule.fixed_us;
  uint64_t share_us = server->average_sync_us * WAIT_PERCENT / 100;
  return share_us < WAIT_US_MAX ? share_us : WAIT_US_MAX;
}

/* Whether the clients that were just acknowledged are worth waiting for. */
static bool waits(const struct server *server, const struct partition *partition) {
  if (partition->ack_tail - partition->ack_head >= partition->group_wanted) return false;
  return server->now_us - partition->waiting_since_us < wait_us(server);
}

/* Takes the snapshot that this sync will make durable. */
static void begin(struct server *server, struct partition *partition) {
  uint32_t number = partition->unsynced_segment;
  bool is_active = number + 1 == partition->segment_count;
  /* The snapshot comes first: what is written from here on is not in it. */
  partition->syncing = is_active ? partition->written : partition->segments[number + 1]->base;
  partition->sync_fd = partition->segments[number]->fd;
  partition->sync_began_us = server->now_us;
  partition->sync_in_flight = true;
}

/* One call for all; what the kernel has no room for goes back into the list, for the next turn. */
static void submit_aio(struct server *server, struct partition **chosen, long count) {
  struct iocb iocbs[SYNCS_PER_CALL];
  struct iocb *requests[SYNCS_PER_CALL];
  for (long at = 0; at < count; at += 1) {
    iocbs[at] = (struct iocb){
        .aio_data = (uintptr_t)chosen[at],
        .aio_lio_opcode = IOCB_CMD_FDSYNC,
        .aio_fildes = (uint32_t)chosen[at]->sync_fd,
        .aio_flags = IOCB_FLAG_RESFD,
        .aio_resfd = (uint32_t)server->sync_event_fd,
    };
    requests[at] = &iocbs[at];
  }
  long taken = syscall(SYS_io_submit, server->aio_context, count, requests);
  if (taken < 0 && errno != EAGAIN) fail("io_submit");
  for (long at = taken < 0 ? 0 : taken; at < count; at += 1) {
    chosen[at]->sync_in_flight = false;
    mark_unsynced(server, chosen[at]);
    server->is_waiting = true;
  }
}

void sync_request(struct server *server) {
  for (struct partition *one = server->touched; one != NULL; one = one->next_touched) {
    if (one->topic->durability == LEVEL_FSYNC) mark_unsynced(server, one);
  }
  server->is_waiting = false;
  struct partition *chosen[SYNCS_PER_CALL];
  long count = 0;
  struct partition *all = server->unsynced;
  server->unsynced = NULL;
  while (all != NULL) {
    struct partition *one = all;
    all = one->next_unsynced;
    if (count == SYNCS_PER_CALL || waits(server, one)) {
      one->next_unsynced = server->unsynced;
      server->unsynced = one;
      server->is_waiting = true;
      continue;
    }
    one->is_unsynced = false;
    begin(server, one);
    chosen[count++] = one;
  }
  if (count == 0) return;
  if (server->sync_threads > 0) sync_threads_submit(chosen, count);
  else submit_aio(server, chosen, count);
}
