/*
 * Many small requests in flight: produce, fill, small-append, small-fetch.
 *
 *     arena of a connection   | frame 0 | frame 1 | … |   prebuilt, correlation patched
 *     queue                    slots whose request is to be sent, in order; one sendmsg a turn
 *
 * A slot is one request in flight. Its reply frees it, and it goes to the back of the queue at
 * once: a closed loop of `connections` x `in_flight`.
 *
 * With --offered it rests until a request is due, and its latency begins then, also when it could
 * not be sent at once because every slot was in flight: an open loop. Those of a tick of 250 us are
 * due together: a load that wakes for each of them takes a third of a core away from its server.
 *
 * Invariant: the bytes of a slot change only while it is not in flight. Of one partition's slots
 * on one connection, base offsets only grow.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "load.h"

enum { SEND_VECTORS_MAX = 64, EVENTS_MAX = 512, DRAIN_SECONDS_MAX = 30 };
enum { TICK_NS = 250000 };
enum { PARKED_CORRELATION = 0x50000000, PARKED_MS = 10000 };

struct slot {
  uint32_t correlation;
  uint32_t target;
  bool is_in_flight;
  uint64_t sent_ns;
  uint64_t offset;
};

/* A partition as one connection sees it. */
struct target {
  uint32_t handle;
  uint64_t offset_min;
};

struct client {
  int fd;
  bool wants_out;
  uint8_t *arena;
  struct slot *slots;
  struct target *targets;
  uint32_t *queue;
  uint32_t queue_head;
  uint32_t queue_tail;
  /* Bytes of the first queued frame that have left. */
  uint32_t sent_bytes;
  uint8_t *in;
  size_t in_received;
  /* Of the partition that nobody writes to. */
  uint32_t parked_handle;
  /* Slots that wait until a request is due. */
  uint32_t *idle;
  uint32_t idle_count;
};

struct pipeline {
  struct run *run;
  const struct options *options;
  bool is_fetch;
  uint32_t frame_size;
  size_t in_capacity;
  int epoll_fd;
  struct client *clients;
  uint64_t issued;
  uint64_t in_flight;
  uint64_t now_ns;
  uint64_t fetch_end;
  uint64_t fetch_next;
  /* Of an open loop: between two ticks, and how many requests are due at each; 0 is a closed one. */
  uint64_t every_ns;
  uint64_t tick_requests;
  int timer_fd;
  uint64_t first_due_ns;
  uint32_t next_client;
};

static bool may_issue(const struct pipeline *pipeline) {
  uint64_t count = pipeline->options->count;
  return !pipeline->run->is_over && (count == 0 || pipeline->issued < count);
}

/* When the next request is due. */
static uint64_t due_ns(const struct pipeline *pipeline) {
  uint64_t tick = pipeline->issued / pipeline->tick_requests;
  return pipeline->first_due_ns + tick * pipeline->every_ns;
}

/* Patches the slot's frame for its next request and puts it into the queue. */
static void issue(struct pipeline *pipeline, struct client *client, uint32_t number) {
  if (!may_issue(pipeline)) return;
  struct slot *slot = &client->slots[number];
  uint8_t *frame = client->arena + (size_t)number * pipeline->frame_size;
  slot->correlation += pipeline->options->in_flight;
  slot->is_in_flight = true;
  slot->sent_ns = pipeline->every_ns == 0 ? pipeline->now_ns : due_ns(pipeline);
  put_u32(frame + FRAME_AT_CORRELATION, slot->correlation);
  if (pipeline->is_fetch) {
    /* Strides through the log, so that neighbours in time are no neighbours in the file. */
    slot->offset = pipeline->fetch_next;
    pipeline->fetch_next = (pipeline->fetch_next + 7919) % pipeline->fetch_end;
    put_u64(frame + FRAME_HEADER_SIZE + FETCH_AT_OFFSET, slot->offset);
  }
  client->queue[client->queue_tail++ % pipeline->options->in_flight] = number;
  pipeline->issued += 1;
  pipeline->in_flight += 1;
}

static void set_interest(struct pipeline *pipeline, struct client *client, bool wants_out) {
  if (client->wants_out == wants_out) return;
  client->wants_out = wants_out;
  struct epoll_event event = {.events = EPOLLIN | (wants_out ? EPOLLOUT : 0), .data.ptr = client};
  epoll_ctl(pipeline->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

/* Lists the queued frames, neighbours joined; the number of vectors. */
static uint32_t gather(struct pipeline *pipeline, struct client *client, struct iovec *vectors) {
  uint32_t count = 0;
  uint32_t skip = client->sent_bytes;
  for (uint32_t at = client->queue_head; at != client->queue_tail; at += 1) {
    uint32_t number = client->queue[at % pipeline->options->in_flight];
    uint8_t *from = client->arena + (size_t)number * pipeline->frame_size + skip;
    size_t size = pipeline->frame_size - skip;
    skip = 0;
    if (count > 0) {
      struct iovec *last = &vectors[count - 1];
      if ((uint8_t *)last->iov_base + last->iov_len == from) {
        last->iov_len += size;
        continue;
      }
    }
    if (count == SEND_VECTORS_MAX) break;
    vectors[count++] = (struct iovec){from, size};
  }
  return count;
}

static void flush(struct pipeline *pipeline, struct client *client) {
  struct iovec vectors[SEND_VECTORS_MAX];
  while (client->queue_head != client->queue_tail) {
    struct msghdr message = {.msg_iov = vectors};
    message.msg_iovlen = gather(pipeline, client, vectors);
    ssize_t sent = sendmsg(client->fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) die("send: %s", strerror(errno));
    uint64_t bytes = client->sent_bytes + (uint64_t)sent;
    client->queue_head += (uint32_t)(bytes / pipeline->frame_size);
    client->sent_bytes = (uint32_t)(bytes % pipeline->frame_size);
  }
  set_interest(pipeline, client, client->queue_head != client->queue_tail);
}

static void check_append(struct pipeline *pipeline, struct client *client, struct slot *slot,
                         const uint8_t *body, uint32_t size) {
  struct target *target = &client->targets[slot->target];
  if (size != PRODUCE_REPLY_SIZE) die("produce replied %u bytes", size);
  uint64_t base_offset = get_u64(body);
  if (base_offset < target->offset_min) die("base offset %lu again", (unsigned long)base_offset);
  target->offset_min = base_offset + pipeline->options->records;
  if (body[PRODUCE_REPLY_AT_LEVEL] < LEVEL_OS) die("an acknowledgement without a level");
}

static void check_fetch(struct slot *slot, const uint8_t *body, uint32_t size) {
  if (size < FETCH_REPLY_AT_BATCHES + BATCH_HEADER_SIZE) die("a fetch got no batch");
  const uint8_t *batch = body + FETCH_REPLY_AT_BATCHES;
  uint64_t base_offset = get_u64(batch);
  uint64_t last_offset = base_offset + get_u32(batch + BATCH_AT_LAST_DELTA);
  if (slot->offset < base_offset || slot->offset > last_offset) {
    die("offset %lu asked, batch of %lu got", (unsigned long)slot->offset,
        (unsigned long)base_offset);
  }
}

/* A fetch that is answered when its time is over; then it is sent again. */
static void park(struct client *client) {
  uint8_t frame[FRAME_HEADER_SIZE + FETCH_SIZE] = {0};
  uint8_t *body = frame + FRAME_HEADER_SIZE;
  put_frame_header(frame, sizeof frame, OPERATION_FETCH, PARKED_CORRELATION);
  put_u32(body, client->parked_handle);
  put_u32(body + FETCH_AT_MAX_BYTES, 1024 * 1024);
  put_u32(body + FETCH_AT_MIN_BYTES, 1);
  put_u32(body + FETCH_AT_MAX_WAIT_MS, PARKED_MS);
  if (send(client->fd, frame, sizeof frame, MSG_NOSIGNAL) != (ssize_t)sizeof frame) {
    die("a fetch cannot be parked");
  }
}

static void take_reply(struct pipeline *pipeline, struct client *client, const uint8_t *frame,
                       uint32_t size) {
  uint32_t correlation = get_u32(frame + FRAME_AT_CORRELATION);
  if (pipeline->options->parks && correlation == PARKED_CORRELATION) {
    if (get_u16(frame + FRAME_AT_CODE) != ERROR_NONE) die("the parked fetch got an error");
    /* Between two frames only: what is queued may have left in part. */
    if (client->sent_bytes == 0 && !pipeline->run->is_over) park(client);
    return;
  }
  uint32_t number = correlation % pipeline->options->in_flight;
  struct slot *slot = &client->slots[number];
  if (!slot->is_in_flight || slot->correlation != correlation) die("a reply nobody waits for");
  uint16_t error = get_u16(frame + FRAME_AT_CODE);
  if (error != ERROR_NONE) die("%s got error %u", pipeline->is_fetch ? "fetch" : "produce", error);
  const uint8_t *body = frame + FRAME_HEADER_SIZE;
  uint32_t body_size = size - FRAME_HEADER_SIZE;
  if (pipeline->is_fetch) check_fetch(slot, body, body_size);
  else check_append(pipeline, client, slot, body, body_size);
  uint64_t bytes =
      pipeline->is_fetch ? body_size - FETCH_REPLY_AT_BATCHES : pipeline->options->batch_bytes;
  run_record(pipeline->run, bytes, pipeline->now_ns - slot->sent_ns);
  slot->is_in_flight = false;
  pipeline->in_flight -= 1;
  if (pipeline->every_ns == 0) issue(pipeline, client, number);
  else client->idle[client->idle_count++] = number;
}

/* The next connection that has a slot at rest; NULL: all are in flight. */
static struct client *next_at_rest(struct pipeline *pipeline) {
  for (uint32_t tried = 0; tried < pipeline->options->connections; tried += 1) {
    struct client *client = &pipeline->clients[pipeline->next_client];
    pipeline->next_client = (pipeline->next_client + 1) % pipeline->options->connections;
    if (client->idle_count > 0) return client;
  }
  return NULL;
}

/* Sends what is due; what finds no slot is sent when there is one. */
static void issue_due(struct pipeline *pipeline) {
  uint64_t ticks = (pipeline->now_ns - pipeline->first_due_ns) / pipeline->every_ns + 1;
  uint64_t due = ticks * pipeline->tick_requests;
  while (pipeline->issued < due && may_issue(pipeline)) {
    struct client *client = next_at_rest(pipeline);
    if (client == NULL) return;
    issue(pipeline, client, client->idle[--client->idle_count]);
    flush(pipeline, client);
  }
}

/* Wakes the loop whenever a request is due. */
static void open_timer(struct pipeline *pipeline) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct timespec every = {.tv_sec = (time_t)(pipeline->every_ns / 1000000000),
                           .tv_nsec = (long)(pipeline->every_ns % 1000000000)};
  struct itimerspec times = {.it_value = every, .it_interval = every};
  if (fd < 0 || timerfd_settime(fd, 0, &times, NULL) != 0) die("no timer");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  pipeline->timer_fd = fd;
  if (epoll_ctl(pipeline->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

/* A timer that is not read expires once, and never again. How often it did, the clock tells. */
static void read_timer(struct pipeline *pipeline) {
  uint64_t expirations;
  ssize_t got = read(pipeline->timer_fd, &expirations, sizeof expirations);
  if (got < 0 && errno != EAGAIN) die("the timer cannot be read");
}

static void receive(struct pipeline *pipeline, struct client *client) {
  size_t room = pipeline->in_capacity - client->in_received;
  ssize_t got = recv(client->fd, client->in + client->in_received, room, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) die("the server closed a connection");
  client->in_received += (size_t)got;
  pipeline->now_ns = monotonic_ns();
  size_t at = 0;
  while (client->in_received - at >= FRAME_HEADER_SIZE) {
    uint64_t size = (uint64_t)get_u32(client->in + at) + FRAME_SIZE_FIELD;
    if (size < FRAME_HEADER_SIZE || size > pipeline->in_capacity) die("a reply of a wild size");
    if (client->in_received - at < size) break;
    take_reply(pipeline, client, client->in + at, (uint32_t)size);
    at += size;
  }
  client->in_received -= at;
  if (at > 0) memmove(client->in, client->in + at, client->in_received);
}

static void build_frame(struct pipeline *pipeline, struct client *client, uint32_t number) {
  const struct options *options = pipeline->options;
  uint8_t *frame = client->arena + (size_t)number * pipeline->frame_size;
  uint8_t *body = frame + FRAME_HEADER_SIZE;
  uint16_t operation = pipeline->is_fetch ? OPERATION_FETCH : OPERATION_PRODUCE;
  put_frame_header(frame, pipeline->frame_size, operation, 0);
  memset(body, 0, FETCH_AT_MAX_BYTES);
  put_u32(body, client->targets[client->slots[number].target].handle);
  if (pipeline->is_fetch) {
    put_u32(body + FETCH_AT_MAX_BYTES, options->max_bytes);
    put_u32(body + FETCH_AT_MIN_BYTES, 0);
    put_u32(body + FETCH_AT_MAX_WAIT_MS, 0);
    return;
  }
  put_u32(body + PRODUCE_AT_ACKS, (uint32_t)options->acks << 24);
  batch_build(body + PRODUCE_AT_BATCH, options->batch_bytes, options->records, number);
}

/* The slots of all connections are dealt out to the partitions in turn. */
static void open_client(struct pipeline *pipeline, struct client *client, uint32_t which) {
  const struct options *options = pipeline->options;
  uint32_t depth = options->in_flight;
  client->fd = session_open(options);
  client->slots = allocate(depth * sizeof *client->slots);
  client->targets = allocate(options->partitions * sizeof *client->targets);
  client->queue = allocate(depth * sizeof *client->queue);
  client->idle = allocate(depth * sizeof *client->idle);
  client->arena = allocate((size_t)depth * pipeline->frame_size);
  client->in = allocate(pipeline->in_capacity);
  bool *is_open = allocate(options->partitions);
  for (uint32_t number = 0; number < depth; number += 1) {
    uint32_t partition = (which * depth + number) % options->partitions;
    if (!is_open[partition]) {
      uint64_t end;
      client->targets[partition].handle =
          session_open_partition(client->fd, options, partition, &end);
      is_open[partition] = true;
      if (pipeline->fetch_end == 0 || end < pipeline->fetch_end) pipeline->fetch_end = end;
    }
    client->slots[number].target = partition;
    client->slots[number].correlation = number;
    build_frame(pipeline, client, number);
  }
  free(is_open);
  if (options->parks) {
    uint64_t end;
    client->parked_handle = session_open_partition(client->fd, options, options->partitions, &end);
    park(client);
  }
  fcntl(client->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  if (epoll_ctl(pipeline->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0) die("epoll_ctl");
}

static void loop(struct pipeline *pipeline) {
  struct run *run = pipeline->run;
  struct epoll_event events[EVENTS_MAX];
  uint64_t give_up_ns = UINT64_MAX;
  while (!run->is_over || pipeline->in_flight > 0) {
    int count = epoll_wait(pipeline->epoll_fd, events, EVENTS_MAX, 100);
    pipeline->now_ns = monotonic_ns();
    for (int at = 0; at < count; at += 1) {
      struct client *client = events[at].data.ptr;
      if (client == NULL) {
        read_timer(pipeline);
        continue;
      }
      if ((events[at].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(pipeline, client);
      flush(pipeline, client);
    }
    if (pipeline->every_ns > 0) issue_due(pipeline);
    run_tick(run, pipeline->now_ns);
    bool is_counted_out = pipeline->options->count > 0 && pipeline->in_flight == 0;
    if (is_counted_out) run_finish(run, pipeline->now_ns);
    if (run->is_over && give_up_ns == UINT64_MAX) {
      give_up_ns = pipeline->now_ns + (uint64_t)DRAIN_SECONDS_MAX * 1000000000;
    }
    if (pipeline->now_ns > give_up_ns) die("%lu requests were never answered",
                                           (unsigned long)pipeline->in_flight);
  }
}

void pipeline_run(struct run *run) {
  const struct options *options = run->options;
  bool is_fetch = strcmp(options->mode, "small-fetch") == 0;
  uint32_t append_size = FRAME_HEADER_SIZE + PRODUCE_AT_BATCH + options->batch_bytes;
  struct pipeline pipeline = {
      .run = run,
      .options = options,
      .is_fetch = is_fetch,
      .frame_size = is_fetch ? FRAME_HEADER_SIZE + FETCH_SIZE : append_size,
      .in_capacity = 256 * 1024 + (is_fetch ? (size_t)options->max_bytes + 65536 : 0),
      .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
  };
  if (options->offered > 0) {
    pipeline.tick_requests = (uint64_t)(options->offered * TICK_NS / 1e9) + 1;
    pipeline.every_ns = (uint64_t)(1e9 * (double)pipeline.tick_requests / options->offered);
  }
  pipeline.clients = allocate(options->connections * sizeof *pipeline.clients);
  for (uint32_t which = 0; which < options->connections; which += 1) {
    open_client(&pipeline, &pipeline.clients[which], which);
  }
  if (is_fetch && pipeline.fetch_end == 0) die("the partition is empty");
  pipeline.now_ns = monotonic_ns();
  run_start(run, pipeline.now_ns);
  if (pipeline.every_ns > 0) {
    pipeline.first_due_ns = pipeline.now_ns;
    open_timer(&pipeline);
  }
  for (uint32_t which = 0; which < options->connections; which += 1) {
    struct client *client = &pipeline.clients[which];
    for (uint32_t number = 0; number < options->in_flight; number += 1) {
      if (pipeline.every_ns == 0) issue(&pipeline, client, number);
      else client->idle[client->idle_count++] = number;
    }
    flush(&pipeline, client);
  }
  loop(&pipeline);
}
