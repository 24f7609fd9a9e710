/*
 * Clients that do not behave, by the hundred, in one thread: what a healthy client must not
 * notice. Runs until its standard input ends, then prints one line of JSON.
 *
 *     idle         say hello, and nothing more
 *     never-read   ask for 200 fetches of 1 MiB each, and read nothing
 *     drip         one byte a second: half of them in the size of a frame, half in its body
 *     storm        `--rate` connections a second: opened, greeted, and closed or reset in turn
 *
 *     crowd MODE --port P --connections N [--rate R] [--topic T]
 *
 * A connection that the server ends is opened again, so that their number stays. "ready" on
 * standard output says that all of them stand.
 *
 * Invariant: sockets never block; clients of the storm come from many loopback addresses, so that
 * the ports of one do not run out.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../limit/wire.h"

enum { FETCHES = 200, FETCH_BYTES = 1024 * 1024, TICK_MS = 10, DRIP_MS = 1000 };
enum { DRIP_BODY = 4096, DRIP_IN_BODY = 40, STORM_ADDRESSES = 250 };

struct client {
  int fd;
  /* Bytes of the dripped frame that have left. */
  uint32_t dripped;
};

struct crowd {
  const char *mode;
  const char *topic;
  uint16_t port;
  uint32_t connections;
  double rate;
  struct client *clients;
  uint64_t opened;
  uint64_t ended_by_server;
  uint64_t failed;
};

static _Noreturn void die(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fprintf(stderr, "crowd: ");
  vfprintf(stderr, format, values);
  fprintf(stderr, "\n");
  va_end(values);
  exit(1);
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* -1 when the kernel has no socket or no port; `source` 0 lets it choose the address. */
static int open_socket(struct crowd *crowd, uint32_t source, int receive_buffer) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (receive_buffer > 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (source > 0) {
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
  }
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(crowd->port);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
    crowd->opened += 1;
    return fd;
  }
  close(fd);
  return -1;
}

static bool send_bytes(int fd, const uint8_t *bytes, size_t size) {
  return send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

static uint8_t *put_text(uint8_t *into, const char *text) {
  size_t size = strlen(text);
  put_u16(into, (uint16_t)size);
  memcpy(into + 2, text, size);
  return into + 2 + size;
}

static bool send_hello(int fd) {
  uint8_t frame[64];
  put_u16(frame + FRAME_HEADER_SIZE, 1);
  uint8_t *end = put_text(put_text(frame + FRAME_HEADER_SIZE + 2, "crowd"), "");
  put_frame_header(frame, (uint32_t)(end - frame), OPERATION_HELLO, 1);
  return send_bytes(fd, frame, (size_t)(end - frame));
}

/* Opens partition 0 and asks for more than the server will hold ready. */
static bool ask_for_much(struct crowd *crowd, int fd) {
  uint8_t frame[256];
  uint8_t *end = put_text(frame + FRAME_HEADER_SIZE, crowd->topic);
  put_u32(end, 0);
  put_frame_header(frame, (uint32_t)(end + 4 - frame), OPERATION_OPEN_PARTITION, 2);
  if (!send_bytes(fd, frame, (size_t)(end + 4 - frame))) return false;
  for (uint32_t number = 0; number < FETCHES; number += 1) {
    memset(frame, 0, sizeof frame);
    put_u32(frame + FRAME_HEADER_SIZE + FETCH_AT_MAX_BYTES, FETCH_BYTES);
    put_frame_header(frame, FRAME_HEADER_SIZE + FETCH_SIZE, OPERATION_FETCH, 3 + number);
    if (!send_bytes(fd, frame, FRAME_HEADER_SIZE + FETCH_SIZE)) return false;
  }
  return true;
}

/* The next byte of a ping of DRIP_BODY bytes that never ends. */
static bool drip(struct client *client) {
  uint8_t frame[FRAME_HEADER_SIZE + DRIP_BODY] = {0};
  put_frame_header(frame, sizeof frame, OPERATION_PING, 1);
  if (client->dripped == sizeof frame) return true;
  bool is_sent = send_bytes(client->fd, frame + client->dripped, 1);
  client->dripped += is_sent;
  return is_sent;
}

static void open_client(struct crowd *crowd, struct client *client, uint32_t number) {
  bool reads_nothing = strcmp(crowd->mode, "never-read") == 0;
  client->fd = open_socket(crowd, 0, reads_nothing ? 4096 : 0);
  client->dripped = 0;
  if (client->fd < 0) {
    crowd->failed += 1;
    return;
  }
  bool is_fine = send_hello(client->fd);
  if (is_fine && reads_nothing) is_fine = ask_for_much(crowd, client->fd);
  if (is_fine && strcmp(crowd->mode, "drip") == 0 && number % 2 == 1) {
    for (uint32_t at = 0; at < DRIP_IN_BODY && is_fine; at += 1) is_fine = drip(client);
  }
  if (!is_fine) crowd->failed += 1;
}

/* Whether the server has ended it. Who reads nothing looks only at the events. */
static bool is_over(struct crowd *crowd, int fd) {
  struct pollfd one = {.fd = fd, .events = POLLRDHUP};
  if (poll(&one, 1, 0) > 0) return true;
  if (strcmp(crowd->mode, "never-read") == 0) return false;
  uint8_t scratch[4096];
  return recv(fd, scratch, sizeof scratch, MSG_DONTWAIT) == 0;
}

static void keep_clients(struct crowd *crowd) {
  for (uint32_t number = 0; number < crowd->connections; number += 1) {
    struct client *client = &crowd->clients[number];
    if (client->fd >= 0 && strcmp(crowd->mode, "drip") == 0) drip(client);
    if (client->fd >= 0 && !is_over(crowd, client->fd)) continue;
    if (client->fd >= 0) {
      crowd->ended_by_server += 1;
      close(client->fd);
    }
    open_client(crowd, client, number);
  }
}

/* One client of the storm: every second one is reset, the others close as they should. */
static void storm_client(struct crowd *crowd) {
  uint32_t source = 1 + (uint32_t)(crowd->opened % STORM_ADDRESSES);
  int fd = open_socket(crowd, source, 0);
  if (fd < 0) {
    crowd->failed += 1;
    return;
  }
  send_hello(fd);
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  if (crowd->opened % 2 == 0) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(fd);
}

static bool is_input_over(int wait_ms) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  char scratch[64];
  return poll(&input, 1, wait_ms) > 0 && read(STDIN_FILENO, scratch, sizeof scratch) <= 0;
}

static void run(struct crowd *crowd) {
  bool is_storm = strcmp(crowd->mode, "storm") == 0;
  crowd->clients = calloc(crowd->connections + 1, sizeof *crowd->clients);
  if (crowd->clients == NULL) die("no memory");
  for (uint32_t number = 0; number < crowd->connections; number += 1) {
    open_client(crowd, &crowd->clients[number], number);
  }
  if (crowd->failed > 0) die("%lu clients failed at once", (unsigned long)crowd->failed);
  printf("ready\n");
  fflush(stdout);
  double begin_s = now_s();
  double kept_s = begin_s;
  uint64_t stormed = 0;
  while (!is_input_over(is_storm ? TICK_MS : DRIP_MS / 10)) {
    double passed_s = now_s() - begin_s;
    for (; is_storm && (double)stormed < passed_s * crowd->rate; stormed += 1) {
      storm_client(crowd);
    }
    if (is_storm || now_s() - kept_s < DRIP_MS / 1000.0) continue;
    kept_s = now_s();
    keep_clients(crowd);
  }
  double seconds = now_s() - begin_s;
  printf("{\"mode\":\"%s\",\"seconds\":%.2f,\"opened\":%lu,\"endedByServer\":%lu,\"failed\":%lu}\n",
         crowd->mode, seconds, (unsigned long)crowd->opened,
         (unsigned long)crowd->ended_by_server, (unsigned long)crowd->failed);
}

int main(int count, char **words) {
  struct crowd crowd = {.mode = count > 1 ? words[1] : "", .topic = ""};
  for (int at = 2; at + 1 < count; at += 2) {
    const char *value = words[at + 1];
    if (strcmp(words[at], "--port") == 0) crowd.port = (uint16_t)atoi(value);
    else if (strcmp(words[at], "--connections") == 0) crowd.connections = (uint32_t)atoi(value);
    else if (strcmp(words[at], "--rate") == 0) crowd.rate = atof(value);
    else if (strcmp(words[at], "--topic") == 0) crowd.topic = value;
    else die("unknown option %s", words[at]);
  }
  if (crowd.port == 0) die("--port is missing");
  run(&crowd);
  return 0;
}
