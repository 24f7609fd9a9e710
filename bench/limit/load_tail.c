/*
 * A hot pair: one producer that sends a record every so often whatever the replies do, and one
 * consumer at the tail that waits for it. For the question how much others disturb them.
 *
 *     producer   | send k |      | send k+1 |      …     every 1 / --rate seconds
 *     server          '-- reply (acks)   '-- fetch reply of the consumer (latencies)
 *
 * It ends after --seconds or at SIGTERM, whichever is first, and tells what it has seen by then.
 *
 * Invariant: the producer is alone on its partition, so record k has offset first + k; a record
 * that is not delivered in order ends the run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "load.h"

enum { SENT_MAX = 65536, IN_SIZE = 4 * 1024 * 1024, WAIT_MS = 1000 };

struct peer {
  int fd;
  uint32_t handle;
  uint8_t *in;
  size_t received;
};

struct tail {
  struct run *run;
  const struct options *options;
  struct peer producer;
  struct peer consumer;
  uint8_t *frame;
  uint32_t frame_size;
  uint64_t first;
  uint64_t sent;
  uint64_t acknowledged;
  uint64_t delivered;
  uint64_t sent_ns[SENT_MAX];
};

static volatile sig_atomic_t is_told_to_end = 0;

static void end_soon(int signal_number) {
  (void)signal_number;
  is_told_to_end = 1;
}

static void send_whole(int fd, const uint8_t *bytes, size_t size) {
  if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) die("send of a small frame");
}

static void produce_one(struct tail *tail) {
  if (tail->sent - tail->delivered >= SENT_MAX) die("the consumer is %d records behind", SENT_MAX);
  put_u32(tail->frame + FRAME_AT_CORRELATION, (uint32_t)tail->sent);
  tail->sent_ns[tail->sent % SENT_MAX] = monotonic_ns();
  tail->sent += 1;
  send_whole(tail->producer.fd, tail->frame, tail->frame_size);
}

static void fetch_next(struct tail *tail) {
  uint8_t frame[FRAME_HEADER_SIZE + FETCH_SIZE];
  uint8_t *body = frame + FRAME_HEADER_SIZE;
  put_frame_header(frame, sizeof frame, OPERATION_FETCH, (uint32_t)tail->delivered);
  put_u32(body, tail->consumer.handle);
  put_u32(body + FETCH_AT_MAX_BYTES, tail->options->max_bytes);
  put_u32(body + FETCH_AT_MIN_BYTES, 1);
  put_u32(body + FETCH_AT_MAX_WAIT_MS, WAIT_MS);
  put_u64(body + FETCH_AT_OFFSET, tail->first + tail->delivered);
  send_whole(tail->consumer.fd, frame, sizeof frame);
}

static void take_acknowledgement(struct tail *tail, const uint8_t *frame, uint64_t now_ns) {
  if (get_u32(frame + FRAME_AT_CORRELATION) != (uint32_t)tail->acknowledged) die("out of order");
  uint64_t offset = get_u64(frame + FRAME_HEADER_SIZE);
  if (offset != tail->first + tail->acknowledged) die("offset %lu", (unsigned long)offset);
  uint64_t took_ns = now_ns - tail->sent_ns[tail->acknowledged % SENT_MAX];
  if (tail->run->is_measuring) histogram_add(&tail->run->acks, took_ns);
  tail->acknowledged += 1;
}

static void take_batches(struct tail *tail, const uint8_t *frame, uint64_t size, uint64_t now_ns) {
  uint64_t at = FRAME_HEADER_SIZE + FETCH_REPLY_AT_BATCHES;
  while (at < size) {
    const uint8_t *batch = frame + at;
    uint64_t batch_size = (uint64_t)get_u32(batch + BATCH_AT_LENGTH) + BATCH_LENGTH_BASE;
    if (get_u64(batch) != tail->first + tail->delivered) die("a record out of order");
    run_record(tail->run, batch_size, now_ns - tail->sent_ns[tail->delivered % SENT_MAX]);
    tail->delivered += 1;
    at += batch_size;
  }
  if (at != size) die("a reply of half a batch");
  fetch_next(tail);
}

static void receive(struct tail *tail, struct peer *peer) {
  ssize_t got = recv(peer->fd, peer->in + peer->received, IN_SIZE - peer->received, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) die("the server closed a connection");
  uint64_t now_ns = monotonic_ns();
  peer->received += (size_t)got;
  size_t at = 0;
  while (peer->received - at >= FRAME_HEADER_SIZE) {
    const uint8_t *frame = peer->in + at;
    uint64_t size = (uint64_t)get_u32(frame) + FRAME_SIZE_FIELD;
    if (size > IN_SIZE) die("a reply of a wild size");
    if (peer->received - at < size) break;
    uint16_t error = get_u16(frame + FRAME_AT_CODE);
    if (error != ERROR_NONE) die("error %u", error);
    if (peer == &tail->producer) take_acknowledgement(tail, frame, now_ns);
    else take_batches(tail, frame, size, now_ns);
    at += size;
  }
  peer->received -= at;
  memmove(peer->in, peer->in + at, peer->received);
}

static void open_peer(struct tail *tail, struct peer *peer, int epoll_fd) {
  peer->fd = session_open(tail->options);
  peer->handle = session_open_partition(peer->fd, tail->options, 0, &tail->first);
  peer->in = allocate(IN_SIZE);
  fcntl(peer->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, peer->fd, &event) != 0) die("epoll_ctl");
}

static int open_timer(const struct options *options, int epoll_fd) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  long every_ns = (long)(1e9 / options->rate);
  struct itimerspec times = {.it_value.tv_nsec = every_ns, .it_interval.tv_nsec = every_ns};
  if (fd < 0 || timerfd_settime(fd, 0, &times, NULL) != 0) die("no timer");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  return fd;
}

static void build_frame(struct tail *tail) {
  tail->frame_size = FRAME_HEADER_SIZE + PRODUCE_AT_BATCH + tail->options->batch_bytes;
  tail->frame = allocate(tail->frame_size);
  uint8_t *body = tail->frame + FRAME_HEADER_SIZE;
  put_frame_header(tail->frame, tail->frame_size, OPERATION_PRODUCE, 0);
  put_u32(body, tail->producer.handle);
  put_u32(body + PRODUCE_AT_ACKS, (uint32_t)tail->options->acks << 24);
  batch_build(body + PRODUCE_AT_BATCH, tail->options->batch_bytes, 1, 1);
}

void tail_run(struct run *run) {
  struct tail *tail = allocate(sizeof *tail);
  tail->run = run;
  tail->options = run->options;
  if (tail->options->rate <= 1) die("--rate is above 1");
  signal(SIGTERM, end_soon);
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  open_peer(tail, &tail->producer, epoll_fd);
  open_peer(tail, &tail->consumer, epoll_fd);
  build_frame(tail);
  int timer = open_timer(tail->options, epoll_fd);
  run_start(run, monotonic_ns());
  fetch_next(tail);
  while (!run->is_over) {
    struct epoll_event events[8];
    int ready = epoll_wait(epoll_fd, events, 8, 100);
    for (int at = 0; at < ready; at += 1) {
      uint64_t times = 0;
      if (events[at].data.ptr != NULL) receive(tail, events[at].data.ptr);
      else if (read(timer, &times, sizeof times) == sizeof times) {
        for (; times > 0; times -= 1) produce_one(tail);
      }
    }
    run_tick(run, monotonic_ns());
    if (is_told_to_end) run_finish(run, monotonic_ns());
  }
}
