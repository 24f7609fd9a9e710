/*
 * Connections: bytes in, bytes and file slices out.
 *
 *     out     | header | body |        header |          memory, in the order of the stream
 *     slices                  ^ slice         ^ slice    each sent after the memory before it
 *
 * A turn takes at most one `recv` from a connection and makes one `send` for all its replies. A
 * header before a slice is sent with MSG_MORE, so that it leaves in one packet with the slice's
 * first bytes.
 *
 * Invariant: out_begin <= out_end; `out_at` of the slices does not fall; a doomed connection is
 * freed only at the end of the turn, because staged batches may still point into its buffer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

static uint64_t event_data(const struct connection *connection) {
  return (uint64_t)connection->generation << 32 | connection->slot;
}

static void adopt(struct server *server, int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct connection *connection = allocate(sizeof *connection);
  connection->fd = fd;
  connection->slot = server->free_slots[--server->free_slot_count];
  connection->generation = server->generations[connection->slot];
  connection->in_capacity = RECEIVE_SIZE;
  /* Not zeroed: pages that were never received into stay free. */
  connection->in = reallocate(NULL, RECEIVE_SIZE);
  connection->interest = EPOLLIN;
  server->connections[connection->slot] = connection;
  server->counters.connections += 1;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = event_data(connection)};
  if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

void connection_accept(struct server *server) {
  while (server->free_slot_count > 0) {
    int fd = accept4(server->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    adopt(server, fd);
  }
}

/* NULL when the connection has ended since, even if its slot is taken again. */
struct connection *connection_find(struct server *server, uint32_t slot, uint32_t generation) {
  struct connection *connection = server->connections[slot];
  if (connection == NULL || connection->generation != generation) return NULL;
  return connection->is_doomed ? NULL : connection;
}

void connection_doom(struct server *server, struct connection *connection) {
  if (connection->is_doomed) return;
  connection->is_doomed = true;
  connection->next_doomed = server->doomed;
  server->doomed = connection;
}

void connection_bury_all(struct server *server) {
  while (server->doomed != NULL) {
    struct connection *connection = server->doomed;
    /* It stands in the list of the next turn: that turn buries it. */
    if (connection->is_ready) return;
    server->doomed = connection->next_doomed;
    server->connections[connection->slot] = NULL;
    server->generations[connection->slot] += 1;
    server->free_slots[server->free_slot_count++] = connection->slot;
    close(connection->fd);
    free(connection->in);
    free(connection->out);
    free(connection->slices);
    free(connection->handles);
    free(connection);
  }
}

static void set_interest(struct server *server, struct connection *connection, uint32_t interest) {
  if (connection->interest == interest) return;
  connection->interest = interest;
  struct epoll_event event = {.events = interest, .data.u64 = event_data(connection)};
  if (epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) != 0) fail("epoll_ctl");
}

void connection_mark_ready(struct server *server, struct connection *connection) {
  if (connection->is_ready) return;
  connection->is_ready = true;
  connection->next_ready = server->ready;
  server->ready = connection;
}

void connection_mark_sending(struct server *server, struct connection *connection) {
  if (connection->is_sending) return;
  connection->is_sending = true;
  connection->next_sending = server->sending;
  server->sending = connection;
}

static uint64_t unsent_bytes(const struct connection *connection) {
  return connection->out_end - connection->out_begin + connection->slice_bytes;
}

/* Slices hold no memory, so only what lies in memory counts: as in Sluice. */
bool connection_is_above_limits(const struct connection *connection) {
  return connection->unanswered >= UNANSWERED_MAX ||
         connection->out_end - connection->out_begin > UNSENT_BYTES_PAUSE;
}

void connection_pause(struct server *server, struct connection *connection) {
  connection->is_paused = true;
  set_interest(server, connection, connection->interest & ~(uint32_t)EPOLLIN);
}

/*
 * Frames may already lie in the buffer, so the connection is also ready for the next turn. Only
 * `send` calls this: the ready list of the running turn is done with by then.
 */
static void resume_if_below(struct server *server, struct connection *connection) {
  if (!connection->is_paused || connection_is_above_limits(connection)) return;
  connection->is_paused = false;
  set_interest(server, connection, connection->interest | EPOLLIN);
  connection_mark_ready(server, connection);
}

/* A frame larger than the buffer begins at its start (`compact`), so growing it once is enough. */
static void make_room(struct connection *connection) {
  if (connection->in_received < FRAME_SIZE_FIELD) return;
  uint64_t size = (uint64_t)get_u32(connection->in) + FRAME_SIZE_FIELD;
  uint64_t size_max = connection->said_hello ? FRAME_SIZE_MAX : FRAME_SIZE_MAX_BEFORE_HELLO;
  if (size <= connection->in_capacity || size > size_max) return;
  connection->in_capacity = (uint32_t)(size + RECEIVE_SIZE / 4);
  connection->in = reallocate(connection->in, connection->in_capacity);
}

void connection_receive(struct server *server, struct connection *connection) {
  if (connection->is_paused) { /* a hang-up is told whatever the interest is */
    connection_doom(server, connection);
    return;
  }
  make_room(connection);
  uint32_t room = connection->in_capacity - connection->in_received;
  if (room == 0) return;
  ssize_t got = recv(connection->fd, connection->in + connection->in_received, room, 0);
  server->counters.receives += 1;
  if (got > 0) {
    connection->in_received += (uint32_t)got;
    connection_mark_ready(server, connection);
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    connection_doom(server, connection);
  }
}

void connection_compact(struct connection *connection) {
  uint32_t left = connection->in_received - connection->in_parsed;
  if (connection->in_parsed == 0) return;
  if (left > 0) memmove(connection->in, connection->in + connection->in_parsed, left);
  connection->in_parsed = 0;
  connection->in_received = left;
}

/* Room for `size` more bytes of the stream; the caller fills all of it. */
uint8_t *connection_reserve(struct server *server, struct connection *connection, size_t size) {
  if (connection->out_begin == connection->out_end) {
    connection->out_base += connection->out_begin;
    connection->out_begin = connection->out_end = 0;
  }
  if (connection->out_begin > connection->out_capacity / 2) {
    size_t left = connection->out_end - connection->out_begin;
    memmove(connection->out, connection->out + connection->out_begin, left);
    connection->out_base += connection->out_begin;
    connection->out_begin = 0;
    connection->out_end = left;
  }
  if (connection->out_end + size > connection->out_capacity) {
    size_t capacity = connection->out_capacity == 0 ? 4096 : connection->out_capacity * 2;
    while (capacity < connection->out_end + size) capacity *= 2;
    connection->out = reallocate(connection->out, capacity);
    connection->out_capacity = capacity;
  }
  uint8_t *into = connection->out + connection->out_end;
  connection->out_end += size;
  connection_mark_sending(server, connection);
  return into;
}

void connection_push_slice(struct server *server, struct connection *connection, int fd,
                           uint64_t position, uint64_t size) {
  if (connection->slice_head == connection->slice_tail) {
    connection->slice_head = connection->slice_tail = 0;
  }
  if (connection->slice_tail == connection->slice_capacity) {
    uint32_t capacity = connection->slice_capacity == 0 ? 16 : connection->slice_capacity * 2;
    connection->slices = reallocate(connection->slices, capacity * sizeof(struct slice));
    connection->slice_capacity = capacity;
  }
  uint64_t out_at = connection->out_base + connection->out_end;
  connection->slices[connection->slice_tail++] =
      (struct slice){.out_at = out_at, .fd = fd, .position = position, .size = size};
  connection->slice_bytes += size;
  connection_mark_sending(server, connection);
}

/* Sends what comes next in the stream; false when nothing is left or the socket is full. */
static bool send_step(struct server *server, struct connection *connection) {
  bool has_slice = connection->slice_head < connection->slice_tail;
  struct slice *slice = has_slice ? &connection->slices[connection->slice_head] : NULL;
  size_t until = has_slice ? (size_t)(slice->out_at - connection->out_base) : connection->out_end;
  ssize_t sent;
  if (until > connection->out_begin) {
    size_t size = until - connection->out_begin;
    int flags = MSG_NOSIGNAL | (has_slice ? MSG_MORE : 0);
    sent = send(connection->fd, connection->out + connection->out_begin, size, flags);
    server->counters.sends += 1;
    if (sent > 0) connection->out_begin += (size_t)sent;
  } else if (has_slice) {
    off_t position = (off_t)slice->position;
    sent = sendfile(connection->fd, slice->fd, &position, slice->size);
    server->counters.sendfiles += 1;
    if (sent == 0) errno = EIO; /* the file is shorter than what was promised */
    if (sent > 0) {
      slice->position += (uint64_t)sent;
      slice->size -= (uint64_t)sent;
      connection->slice_bytes -= (uint64_t)sent;
      if (slice->size == 0) connection->slice_head += 1;
    }
  } else {
    return false;
  }
  if (sent <= 0 && errno != EAGAIN && errno != EINTR) connection_doom(server, connection);
  return sent > 0;
}

void connection_send(struct server *server, struct connection *connection) {
  while (send_step(server, connection)) continue;
  if (connection->is_doomed) return;
  bool is_left = unsent_bytes(connection) > 0;
  uint32_t in = connection->interest & EPOLLIN;
  set_interest(server, connection, is_left ? in | EPOLLOUT : in);
  if (!is_left && connection->closes_when_sent) connection_doom(server, connection);
  else resume_if_below(server, connection);
}
