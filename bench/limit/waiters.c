/*
 * What waits for a partition: acknowledgements for their level, fetches for bytes or their
 * deadline.
 *
 *     acks   | answered | head … tail - acks_staged | … tail |   a ring; the end is unwritten
 *
 * Invariant: acks of a partition are answered in the order of its log, each when `durable` (level
 * fsync) or `written` (level os) has reached its end. An entry names its connection by slot and
 * generation, so that a reply never reaches the next client of a slot.
 */
#include <stdlib.h>

#include "server.h"

void waiters_touch(struct server *server, struct partition *partition) {
  if (partition->is_touched) return;
  partition->is_touched = true;
  partition->next_touched = server->touched;
  server->touched = partition;
}

static void grow_acks(struct partition *partition) {
  uint32_t capacity = partition->ack_capacity == 0 ? 256 : partition->ack_capacity * 2;
  struct ack *larger = allocate(capacity * sizeof *larger);
  for (uint32_t at = partition->ack_head; at != partition->ack_tail; at += 1) {
    larger[at & (capacity - 1)] = partition->acks[at & (partition->ack_capacity - 1)];
  }
  free(partition->acks);
  partition->acks = larger;
  partition->ack_capacity = capacity;
}

void waiters_push_ack(struct partition *partition, const struct ack *ack) {
  if (partition->ack_tail - partition->ack_head == partition->ack_capacity) grow_acks(partition);
  partition->acks[partition->ack_tail & (partition->ack_capacity - 1)] = *ack;
  partition->ack_tail += 1;
  partition->acks_staged += 1;
}

void waiters_refuse_staged(struct server *server, struct partition *partition,
                           enum error_code error) {
  partition->ack_tail -= partition->acks_staged;
  for (uint32_t at = 0; at < partition->acks_staged; at += 1) {
    const struct ack *ack =
        &partition->acks[(partition->ack_tail + at) & (partition->ack_capacity - 1)];
    struct connection *connection = connection_find(server, ack->slot, ack->generation);
    if (connection == NULL || ack->silent) continue;
    connection->unanswered -= 1;
    frames_reply_error(server, connection, error, ack->correlation);
  }
  partition->acks_staged = 0;
}

/* Answers everyone whose level is reached, in the order of the log. */
void waiters_complete_acks(struct server *server, struct partition *partition) {
  uint32_t group = 0;
  while (partition->ack_head != partition->ack_tail) {
    const struct ack *ack = &partition->acks[partition->ack_head & (partition->ack_capacity - 1)];
    const struct point *reached =
        ack->level == LEVEL_FSYNC ? &partition->durable : &partition->written;
    if (reached->offset < ack->end_offset) break;
    if (!ack->silent) frames_reply_produce(server, ack);
    partition->ack_head += 1;
    group += 1;
  }
  /* A full group: who was just answered is back, beside those that wait already. */
  if (group > 0) partition->group_wanted = group + (partition->ack_tail - partition->ack_head);
}

static void answer(struct server *server, const struct parked *fetch) {
  struct connection *connection = connection_find(server, fetch->slot, fetch->generation);
  if (connection == NULL) return;
  connection->unanswered -= 1;
  frames_reply_fetch(server, connection, fetch->partition, fetch->offset, fetch->max_bytes,
                     fetch->correlation);
}

/* Answers the fetches of a partition that have their bytes or whose time is over. */
static void complete_fetches(struct server *server, struct partition *partition) {
  struct parked **link = &partition->parked;
  while (*link != NULL) {
    struct parked *fetch = *link;
    bool is_due = server->now_us >= fetch->deadline_us;
    if (!is_due && log_bytes_from(partition, fetch->offset) < fetch->min_bytes) {
      link = &fetch->next;
      continue;
    }
    *link = fetch->next;
    answer(server, fetch);
    free(fetch);
  }
}

void waiters_complete(struct server *server) {
  while (server->touched != NULL) {
    struct partition *partition = server->touched;
    server->touched = partition->next_touched;
    partition->is_touched = false;
    waiters_complete_acks(server, partition);
    if (partition->parked != NULL) complete_fetches(server, partition);
  }
}

void waiters_park(struct server *server, const struct parked *fetch) {
  struct parked *kept = allocate(sizeof *kept);
  *kept = *fetch;
  /* At the end, so that fetches of one handle are answered in their order. */
  struct parked **link = &fetch->partition->parked;
  while (*link != NULL) link = &(*link)->next;
  *link = kept;
  if (kept->deadline_us < server->next_deadline_us) server->next_deadline_us = kept->deadline_us;
  server->counters.fetches_parked += 1;
}

/* Runs when the earliest deadline is over; finds the next one by walking what is left. */
void waiters_expire(struct server *server) {
  uint64_t next_us = UINT64_MAX;
  for (struct topic *topic = server->topics; topic != NULL; topic = topic->next) {
    for (uint32_t number = 0; number < topic->partition_count; number += 1) {
      struct partition *partition = &topic->partitions[number];
      complete_fetches(server, partition);
      for (struct parked *one = partition->parked; one != NULL; one = one->next) {
        if (one->deadline_us < next_us) next_us = one->deadline_us;
      }
    }
  }
  server->next_deadline_us = next_us;
}
