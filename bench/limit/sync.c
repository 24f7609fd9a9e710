/*
 * Group commit by Linux AIO: one `io_submit` for all dirty partitions of a turn, results by an
 * eventfd.
 *
 *     written ----------------+--------------->   grows meanwhile, belongs to the next group
 *     syncing    snapshot ----|  IOCB_CMD_FDSYNC
 *     durable                 +--> snapshot       published when the kernel says 0
 *
 * Invariant: at most one sync of a partition is in flight, and `durable` takes only a snapshot
 * that was read before its sync was submitted. A failed sync ends the process: what it covered is
 * unknown.
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

void sync_open(struct server *server) {
  server->sync_event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (server->sync_event_fd < 0) fail("eventfd");
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
  waiters_touch(server, partition);
}

void sync_reap(struct server *server) {
  uint64_t signalled;
  if (read(server->sync_event_fd, &signalled, sizeof signalled) < 0 && errno != EAGAIN) {
    fail("eventfd");
  }
  struct io_event events[SYNCS_PER_CALL];
  for (;;) {
    long count =
        syscall(SYS_io_getevents, server->aio_context, 0L, (long)SYNCS_PER_CALL, events, NULL);
    if (count < 0) fail("io_getevents");
    for (long at = 0; at < count; at += 1) {
      if (events[at].res != 0) {
        errno = (int)-events[at].res;
        fail("a sync failed");
      }
      publish(server, (struct partition *)(uintptr_t)events[at].data);
    }
    if (count < SYNCS_PER_CALL) return;
  }
}

/* Whether the clients that were just acknowledged are worth waiting for. */
static bool lingers(const struct server *server, const struct partition *partition) {
  if (server->linger_us == 0) return false;
  if (partition->ack_tail - partition->ack_head >= partition->group_size) return false;
  return server->now_us - partition->waiting_since_us < server->linger_us;
}

static void fill_request(struct server *server, struct partition *partition, struct iocb *request) {
  uint32_t number = partition->unsynced_segment;
  bool is_active = number + 1 == partition->segment_count;
  /* The snapshot comes first: what is written from here on is not in it. */
  partition->syncing = is_active ? partition->written : partition->segments[number + 1]->base;
  *request = (struct iocb){
      .aio_data = (uintptr_t)partition,
      .aio_lio_opcode = IOCB_CMD_FDSYNC,
      .aio_fildes = (uint32_t)partition->segments[number]->fd,
      .aio_flags = IOCB_FLAG_RESFD,
      .aio_resfd = (uint32_t)server->sync_event_fd,
  };
}

/* Submits; what the kernel has no room for stays in the list for the next turn. */
static void submit(struct server *server, struct partition **chosen, struct iocb **requests,
                   long count) {
  long taken = count == 0 ? 0 : syscall(SYS_io_submit, server->aio_context, count, requests);
  if (taken < 0 && errno != EAGAIN) fail("io_submit");
  if (taken < 0) taken = 0;
  for (long at = 0; at < taken; at += 1) chosen[at]->sync_in_flight = true;
  for (long at = taken; at < count; at += 1) {
    mark_unsynced(server, chosen[at]);
    server->is_lingering = true;
  }
}

void sync_request(struct server *server) {
  for (struct partition *one = server->touched; one != NULL; one = one->next_touched) {
    if (one->topic->durability == LEVEL_FSYNC) mark_unsynced(server, one);
  }
  server->is_lingering = false;
  struct iocb iocbs[SYNCS_PER_CALL];
  struct iocb *requests[SYNCS_PER_CALL];
  struct partition *chosen[SYNCS_PER_CALL];
  long count = 0;
  struct partition *all = server->unsynced;
  server->unsynced = NULL;
  while (all != NULL) {
    struct partition *one = all;
    all = one->next_unsynced;
    if (count == SYNCS_PER_CALL || lingers(server, one)) {
      one->next_unsynced = server->unsynced;
      server->unsynced = one;
      server->is_lingering = true;
      continue;
    }
    one->is_unsynced = false;
    fill_request(server, one, &iocbs[count]);
    requests[count] = &iocbs[count];
    chosen[count++] = one;
  }
  submit(server, chosen, requests, count);
}
