/*
 * Control requests, one at a time, over a blocking socket. The data connections of a run are
 * opened here too, and only then made non-blocking by their mode.
 *
 * Invariant: a function returns only after a reply of the right correlation and error 0.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { FRAME_MAX = 64 * 1024 };

static void send_whole(int fd, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) die("send: %s", strerror(errno));
    bytes += sent;
    size -= (size_t)sent;
  }
}

static void receive_whole(int fd, uint8_t *into, size_t size) {
  while (size > 0) {
    ssize_t got = recv(fd, into, size, 0);
    if (got <= 0) die("the server closed a control connection");
    into += got;
    size -= (size_t)got;
  }
}

/* Sends the body that stands in `frame` after the header, and reads the reply's body over it. */
static uint32_t ask(int fd, uint16_t operation, uint8_t *frame, uint32_t body_size) {
  static uint32_t correlation = 0x40000000;
  correlation += 1;
  put_frame_header(frame, FRAME_HEADER_SIZE + body_size, operation, correlation);
  send_whole(fd, frame, FRAME_HEADER_SIZE + body_size);
  receive_whole(fd, frame, FRAME_HEADER_SIZE);
  uint32_t size = get_u32(frame) + FRAME_SIZE_FIELD;
  if (size < FRAME_HEADER_SIZE || size > FRAME_MAX) die("a reply of %u bytes", size);
  receive_whole(fd, frame + FRAME_HEADER_SIZE, size - FRAME_HEADER_SIZE);
  if (get_u32(frame + FRAME_AT_CORRELATION) != correlation) die("a reply to something else");
  uint16_t error = get_u16(frame + FRAME_AT_CODE);
  if (error != ERROR_NONE) die("operation %u was refused with error %u", operation, error);
  return size - FRAME_HEADER_SIZE;
}

static uint8_t *put_string(uint8_t *into, const char *text, size_t size) {
  put_u16(into, (uint16_t)size);
  memcpy(into + 2, text, size);
  return into + 2 + size;
}

int session_connect(const struct options *options) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket: %s", strerror(errno));
  /* The servers have chosen so for their side: BBR paces segments, which is noise on loopback. */
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    die("connect to port %u: %s", options->port, strerror(errno));
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int session_open(const struct options *options) {
  int fd = session_connect(options);
  uint8_t frame[FRAME_MAX];
  uint8_t *at = frame + FRAME_HEADER_SIZE;
  put_u16(at, 1);
  at = put_string(at + 2, "load", 4);
  at = put_string(at, "", 0);
  ask(fd, OPERATION_HELLO, frame, (uint32_t)(at - frame - FRAME_HEADER_SIZE));
  return fd;
}

void session_create_topic(const struct options *options) {
  int fd = session_open(options);
  uint8_t frame[FRAME_MAX];
  uint8_t *at = frame + FRAME_HEADER_SIZE;
  at = put_string(at, options->topic, strlen(options->topic));
  put_u32(at, options->partitions + (options->parks ? 1 : 0));
  put_u32(at + 4, options->config_count);
  at += 8;
  for (uint32_t number = 0; number < options->config_count; number += 1) {
    const char *setting = options->config[number];
    const char *equals = strchr(setting, '=');
    if (equals == NULL) die("--config wants KEY=VALUE");
    at = put_string(at, setting, (size_t)(equals - setting));
    at = put_string(at, equals + 1, strlen(equals + 1));
  }
  ask(fd, OPERATION_CREATE_TOPIC, frame, (uint32_t)(at - frame - FRAME_HEADER_SIZE));
  close(fd);
}

uint32_t session_open_partition(int fd, const struct options *options, uint32_t partition,
                                uint64_t *visible_end) {
  uint8_t frame[FRAME_MAX];
  uint8_t *at = put_string(frame + FRAME_HEADER_SIZE, options->topic, strlen(options->topic));
  put_u32(at, partition);
  uint32_t size =
      ask(fd, OPERATION_OPEN_PARTITION, frame, (uint32_t)(at + 4 - frame - FRAME_HEADER_SIZE));
  if (size != 29) die("open_partition replied %u bytes", size);
  if (visible_end != NULL) *visible_end = get_u64(frame + FRAME_HEADER_SIZE + 16);
  return get_u32(frame + FRAME_HEADER_SIZE);
}

uint32_t session_stats(int fd, struct counter *into) {
  uint8_t frame[FRAME_MAX];
  uint32_t size = ask(fd, OPERATION_STATS, frame, 0);
  const uint8_t *at = frame + FRAME_HEADER_SIZE;
  const uint8_t *end = at + size;
  uint32_t count = get_u32(at);
  at += 4;
  if (count > COUNTERS_MAX) die("%u counters", count);
  for (uint32_t number = 0; number < count; number += 1) {
    uint16_t name_size = end - at < 2 ? UINT16_MAX : get_u16(at);
    if (name_size >= sizeof into->name || end - at < name_size + 10) die("stats are cut");
    memcpy(into[number].name, at + 2, name_size);
    into[number].name[name_size] = '\0';
    into[number].value = get_u64(at + 2 + name_size);
    at += name_size + 10;
  }
  return count;
}
