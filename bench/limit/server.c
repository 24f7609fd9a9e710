/*
 * The turn of the limit server, its listener and its command line.
 *
 *     server --data DIR [--port 0] [--wait none|adaptive|MICROSECONDS] [--sync-threads 0]
 *
 * It prints `native 127.0.0.1:PORT` and `ready` on stdout, as Sluice does, and runs until a
 * signal ends it. It recovers nothing: the directory must be new. What it acknowledged at level
 * fsync is on disk.
 *
 * Invariant: bytes that a staged batch points to stay where they are until `write_all`; buffers
 * grow only in `receive`, and move only in `compact`.
 */
#define _GNU_SOURCE
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crc32c.h"

/* Event data of the two descriptors that are no connection. */
static const uint64_t EVENT_LISTENER = UINT64_MAX;
static const uint64_t EVENT_SYNC = UINT64_MAX - 1;

_Noreturn void fail(const char *what) {
  fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
  _exit(1);
}

void *allocate(size_t size) {
  void *memory = calloc(1, size);
  if (memory == NULL) fail("memory");
  return memory;
}

void *reallocate(void *old, size_t size) {
  void *memory = realloc(old, size);
  if (memory == NULL) fail("memory");
  return memory;
}

static uint64_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Milliseconds that epoll may sleep, rounded up so that a deadline has passed when it wakes. */
static int sleep_ms(const struct server *server) {
  if (server->ready != NULL || server->is_waiting) return 0;
  if (server->next_deadline_us == UINT64_MAX) return -1;
  uint64_t now_us = monotonic_us();
  if (server->next_deadline_us <= now_us) return 0;
  return (int)((server->next_deadline_us - now_us + 999) / 1000);
}

static void receive_all(struct server *server, const struct epoll_event *events, int count) {
  bool accepts = false;
  for (int at = 0; at < count; at += 1) {
    uint64_t data = events[at].data.u64;
    if (data == EVENT_LISTENER) {
      accepts = true;
    } else if (data == EVENT_SYNC) {
      sync_reap(server);
    } else {
      struct connection *connection =
          connection_find(server, (uint32_t)data, (uint32_t)(data >> 32));
      if (connection == NULL) continue;
      if ((events[at].events & EPOLLOUT) != 0) connection_mark_sending(server, connection);
      if ((events[at].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        connection_receive(server, connection);
      }
    }
  }
  if (accepts) connection_accept(server);
}

static void write_all(struct server *server) {
  for (struct partition *one = server->touched; one != NULL; one = one->next_touched) {
    if (one->vector_count > 0) log_write_staged(server, one);
  }
}

static void send_all(struct server *server) {
  while (server->sending != NULL) {
    struct connection *connection = server->sending;
    server->sending = connection->next_sending;
    connection->is_sending = false;
    if (!connection->is_doomed) connection_send(server, connection);
  }
}

static void turn(struct server *server) {
  struct epoll_event events[EVENTS_MAX];
  int count = epoll_wait(server->epoll_fd, events, EVENTS_MAX, sleep_ms(server));
  if (count < 0 && errno != EINTR) fail("epoll_wait");
  server->now_us = monotonic_us();
  server->counters.turns += 1;

  receive_all(server, events, count);
  struct connection *ready = server->ready;
  server->ready = NULL;
  for (struct connection *one = ready; one != NULL; one = one->next_ready) {
    one->is_ready = false;
    if (!one->is_doomed && !one->is_paused) frames_dispatch(server, one);
  }
  write_all(server);
  for (struct connection *one = ready; one != NULL; one = one->next_ready) connection_compact(one);
  sync_request(server);
  waiters_complete(server);
  if (server->now_us >= server->next_deadline_us) waiters_expire(server);
  send_all(server);
  connection_bury_all(server);
}

static void watch(struct server *server, int fd, uint64_t data) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
  if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

static void listen_on(struct server *server, uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) fail("socket");
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* As Sluice does on a loopback listener; connections inherit it. */
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  if (listen(fd, 1024) != 0) fail("listen");
  socklen_t size = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) fail("getsockname");
  server->listener_fd = fd;
  watch(server, fd, EVENT_LISTENER);
  printf("native 127.0.0.1:%u\n", ntohs(address.sin_port));
}

static void server_open(struct server *server, const char *data) {
  server->next_deadline_us = UINT64_MAX;
  for (uint32_t slot = 0; slot < CONNECTIONS_MAX; slot += 1) {
    server->free_slots[slot] = CONNECTIONS_MAX - 1 - slot;
  }
  server->free_slot_count = CONNECTIONS_MAX;
  if (mkdir(data, 0700) != 0 && errno != EEXIST) fail(data);
  server->data_fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (server->data_fd < 0) fail(data);
  server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (server->epoll_fd < 0) fail("epoll_create1");
  sync_open(server);
  watch(server, server->sync_event_fd, EVENT_SYNC);
}

static unsigned long number(const char *text) {
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (*text != '\0' && *end == '\0') return value;
  fprintf(stderr, "limit: not a number: %s\n", text);
  exit(2);
}

static struct wait_rule wait_rule(const char *text) {
  if (strcmp(text, "none") == 0) return (struct wait_rule){0};
  if (strcmp(text, "adaptive") == 0) return (struct wait_rule){.is_adaptive = true};
  return (struct wait_rule){.fixed_us = (uint32_t)number(text)};
}

int main(int count, char **words) {
  const char *data = NULL;
  unsigned long port = 0;
  struct server *server = allocate(sizeof *server);
  for (int at = 1; at + 1 < count; at += 2) {
    const char *value = words[at + 1];
    if (strcmp(words[at], "--data") == 0) data = value;
    else if (strcmp(words[at], "--port") == 0) port = number(value);
    else if (strcmp(words[at], "--wait") == 0) server->wait_rule = wait_rule(value);
    else if (strcmp(words[at], "--sync-threads") == 0) {
      server->sync_threads = (uint32_t)number(value);
    } else data = NULL, at = count;
  }
  if (data == NULL || count % 2 == 0) {
    fprintf(stderr, "usage: server --data DIR [--port 0] [--wait none|adaptive|MICROSECONDS]"
                    " [--sync-threads 0]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  crc32c_prepare();
  server_open(server, data);
  listen_on(server, (uint16_t)port);
  printf("ready\n");
  fflush(stdout);
  for (;;) turn(server);
}
