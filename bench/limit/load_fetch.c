/*
 * Readers that stream a log, each from the first offset to the end and again, one fetch in
 * flight.
 *
 *     reply   | frame header 12 | logStart 8 | visibleEnd 8 | first batch header 61 | rest … |
 *             '--------------- always read: HEAD ----------------------------------'
 *
 * The rest is thrown away in the kernel (--discard, recv with MSG_TRUNC: the client then costs
 * next to nothing and the server is what is measured), copied and forgotten, or checked byte by
 * byte (--verify). Without --verify the batches must be alike, so that the next offset follows
 * from the first header; a wrong guess shows at the next reply, whose first batch must begin at
 * the offset asked for.
 *
 * Invariant: a reader never takes a byte of the next reply: it asks only when the last one is
 * complete.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

enum { REPLY_HEAD = FRAME_HEADER_SIZE + FETCH_REPLY_AT_BATCHES };
enum { HEAD = REPLY_HEAD + BATCH_HEADER_SIZE };
enum { EVENTS_MAX = 64, SLACK = 2 * 1024 * 1024 };

struct reader {
  int fd;
  uint32_t handle;
  uint64_t offset;
  uint64_t end;
  uint32_t correlation;
  uint64_t asked_ns;
  uint8_t *bytes;
  uint64_t received;
  bool is_done;
};

static void ask(const struct options *options, struct reader *reader) {
  uint8_t frame[FRAME_HEADER_SIZE + FETCH_SIZE];
  uint8_t *body = frame + FRAME_HEADER_SIZE;
  reader->correlation += 1;
  put_frame_header(frame, sizeof frame, OPERATION_FETCH, reader->correlation);
  put_u32(body, reader->handle);
  put_u32(body + FETCH_AT_MAX_BYTES, options->max_bytes);
  put_u32(body + FETCH_AT_MIN_BYTES, 1);
  put_u32(body + FETCH_AT_MAX_WAIT_MS, 0);
  put_u64(body + FETCH_AT_OFFSET, reader->offset);
  reader->asked_ns = monotonic_ns();
  reader->received = 0;
  if (send(reader->fd, frame, sizeof frame, MSG_NOSIGNAL) != sizeof frame) die("send of a fetch");
}

static uint64_t reply_size(const struct reader *reader) {
  return (uint64_t)get_u32(reader->bytes) + FRAME_SIZE_FIELD;
}

static void check_head(const struct options *options, const struct reader *reader) {
  const uint8_t *frame = reader->bytes;
  uint16_t error = get_u16(frame + FRAME_AT_CODE);
  if (error != ERROR_NONE) die("fetch got error %u", error);
  if (get_u32(frame + FRAME_AT_CORRELATION) != reader->correlation) {
    die("a reply to something else");
  }
  uint64_t size = reply_size(reader);
  if (size < HEAD) die("no batch at offset %lu below the end", (unsigned long)reader->offset);
  if (size > (uint64_t)options->max_bytes + SLACK) die("a reply of %lu bytes", (unsigned long)size);
  if (get_u64(frame + REPLY_HEAD) != reader->offset) {
    die("offset %lu asked, batch of %lu got", (unsigned long)reader->offset,
        (unsigned long)get_u64(frame + REPLY_HEAD));
  }
}

/* The offset after the batches of a whole reply. */
static uint64_t next_offset(const struct options *options, const struct reader *reader) {
  uint64_t bytes = reply_size(reader) - REPLY_HEAD;
  const uint8_t *batch = reader->bytes + REPLY_HEAD;
  if (options->verifies) return batch_verify_all(batch, bytes, reader->offset);
  uint64_t batch_size = (uint64_t)get_u32(batch + BATCH_AT_LENGTH) + BATCH_LENGTH_BASE;
  if (bytes % batch_size != 0) die("batches differ in size: use --verify");
  return reader->offset + bytes / batch_size * get_u32(batch + BATCH_AT_COUNT);
}

static void take_reply(struct run *run, struct reader *reader) {
  uint64_t bytes = reply_size(reader) - REPLY_HEAD;
  reader->offset = next_offset(run->options, reader);
  run_record(run, bytes, monotonic_ns() - reader->asked_ns);
  if (reader->offset >= reader->end) {
    reader->offset = 0;
    reader->is_done = run->options->once;
  }
  if (run->is_over) reader->is_done = true;
  if (!reader->is_done) ask(run->options, reader);
}

/*
 * Where the next bytes go: all are kept for a check, otherwise the rest overwrites what is behind
 * HEAD.
 */
static ssize_t receive_some(const struct options *options, struct reader *reader, size_t size) {
  if (reader->received < HEAD) {
    return recv(reader->fd, reader->bytes + reader->received, size, 0);
  }
  if (options->verifies) return recv(reader->fd, reader->bytes + reader->received, size, 0);
  return recv(reader->fd, reader->bytes + HEAD, size, options->discards ? MSG_TRUNC : 0);
}

static void receive(struct run *run, struct reader *reader) {
  for (;;) {
    uint64_t until = reader->received < HEAD ? HEAD : reply_size(reader);
    size_t wanted = (size_t)(until - reader->received);
    ssize_t got = wanted == 0 ? 0 : receive_some(run->options, reader, wanted);
    if (got < 0 && errno == EAGAIN) return;
    if (wanted > 0 && got <= 0) die("the server closed a connection");
    bool had_head = reader->received >= HEAD;
    reader->received += (uint64_t)got;
    if (reader->received < HEAD) {
      /* An error or an empty reply is shorter than a head, and nothing would follow. */
      if (reader->received >= FRAME_HEADER_SIZE && reply_size(reader) < HEAD) {
        check_head(run->options, reader);
      }
      return;
    }
    if (!had_head) check_head(run->options, reader);
    if (reader->received == reply_size(reader)) {
      take_reply(run, reader);
      return;
    }
    if ((size_t)got < wanted) return;
  }
}

static void open_reader(const struct options *options, struct reader *reader, int epoll_fd) {
  reader->fd = session_open(options);
  reader->handle = session_open_partition(reader->fd, options, 0, &reader->end);
  if (reader->end == 0) die("the partition is empty");
  reader->bytes = allocate((size_t)options->max_bytes + SLACK);
  fcntl(reader->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = reader};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, reader->fd, &event) != 0) die("epoll_ctl");
}

static bool are_all_done(const struct reader *readers, uint32_t count) {
  for (uint32_t at = 0; at < count; at += 1) {
    if (!readers[at].is_done) return false;
  }
  return true;
}

void fetch_run(struct run *run) {
  const struct options *options = run->options;
  uint32_t count = options->connections;
  struct reader *readers = allocate(count * sizeof *readers);
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  for (uint32_t at = 0; at < count; at += 1) {
    open_reader(options, &readers[at], epoll_fd);
    /* Spread over the log, unless each is to read the whole once. */
    if (!options->once) readers[at].offset = readers[at].end / count * at;
  }
  run_start(run, monotonic_ns());
  for (uint32_t at = 0; at < count; at += 1) ask(options, &readers[at]);
  while (!are_all_done(readers, count)) {
    struct epoll_event events[EVENTS_MAX];
    int ready = epoll_wait(epoll_fd, events, EVENTS_MAX, 100);
    run_tick(run, monotonic_ns());
    for (int at = 0; at < ready; at += 1) receive(run, events[at].data.ptr);
  }
  run_finish(run, monotonic_ns());
}
