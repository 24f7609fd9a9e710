/*
 * Frames of the native protocol and the handler of each operation that the limit server speaks:
 * hello, ping, create_topic, open_partition, produce, fetch, offsets, stats.
 *
 *     in   | parsed | frame | frame | part of a frame | received
 *
 * Invariant: a handler sees whole frames only, and reads its body through a reader that never
 * passes the body's end. A malformed request gets its error code; only a frame without a
 * believable size closes the connection.
 */
#include <errno.h>
#include <stdlib.h>

#include "server.h"

struct request {
  uint32_t correlation;
  uint8_t *body;
  uint32_t size;
};

/* Walks a body; `is_short` once something did not fit, and every read after that gives zeros. */
struct reader {
  const uint8_t *at;
  const uint8_t *end;
  bool is_short;
};

static const uint8_t *take(struct reader *reader, size_t size) {
  static const uint8_t ZEROS[16];
  if ((size_t)(reader->end - reader->at) < size) {
    reader->is_short = true;
    reader->at = reader->end;
    return ZEROS;
  }
  reader->at += size;
  return reader->at - size;
}

static const uint8_t *take_string(struct reader *reader, uint16_t *size) {
  *size = get_u16(take(reader, 2));
  const uint8_t *text = take(reader, *size);
  if (reader->is_short) *size = 0;
  return text;
}

static uint8_t *reply(struct server *server, struct connection *connection, uint32_t body_size,
                      uint32_t correlation) {
  uint8_t *into = connection_reserve(server, connection, FRAME_HEADER_SIZE + body_size);
  put_frame_header(into, FRAME_HEADER_SIZE + body_size, ERROR_NONE, correlation);
  return into + FRAME_HEADER_SIZE;
}

void frames_reply_error(struct server *server, struct connection *connection, enum error_code error,
                        uint32_t correlation) {
  uint8_t *into = connection_reserve(server, connection, FRAME_HEADER_SIZE + 2);
  put_frame_header(into, FRAME_HEADER_SIZE + 2, error, correlation);
  put_u16(into + FRAME_HEADER_SIZE, 0);
  server->counters.errors += 1;
}

void frames_reply_produce(struct server *server, const struct ack *ack) {
  struct connection *connection = connection_find(server, ack->slot, ack->generation);
  if (connection == NULL) return;
  connection->unanswered -= 1;
  uint8_t *body = reply(server, connection, PRODUCE_REPLY_SIZE, ack->correlation);
  put_u64(body, ack->base_offset);
  put_u32(body + PRODUCE_REPLY_AT_LEVEL, (uint32_t)ack->level << 24);
  put_u32(body + PRODUCE_REPLY_AT_EPOCH, LEADER_EPOCH);
}

void frames_reply_fetch(struct server *server, struct connection *connection,
                        struct partition *partition, uint64_t offset, uint32_t max_bytes,
                        uint32_t correlation) {
  struct extent found = log_find(partition, offset, max_bytes);
  uint32_t head = FRAME_HEADER_SIZE + FETCH_REPLY_AT_BATCHES;
  uint8_t *into = connection_reserve(server, connection, head);
  put_frame_header(into, head + found.size, ERROR_NONE, correlation);
  put_u64(into + FRAME_HEADER_SIZE, 0);
  put_u64(into + FRAME_HEADER_SIZE + FETCH_REPLY_AT_VISIBLE_END, log_visible(partition).offset);
  if (found.size > 0) {
    connection_push_slice(server, connection, found.fd, found.position, found.size);
  }
  server->counters.fetches += 1;
  server->counters.fetch_bytes += found.size;
}

static enum error_code handle_hello(struct server *server, struct connection *connection,
                                    struct request *request) {
  static const char PROGRAM[] = "limit/1";
  enum { PROGRAM_SIZE = sizeof PROGRAM - 1 };
  struct reader reader = {request->body, request->body + request->size, false};
  uint16_t size;
  uint16_t protocol = get_u16(take(&reader, 2));
  take_string(&reader, &size);
  take_string(&reader, &size);
  if (reader.is_short || reader.at != reader.end) return ERROR_INVALID_REQUEST;
  if (protocol != 1) return ERROR_UNSUPPORTED_PROTOCOL;
  connection->said_hello = true;
  uint8_t *body = reply(server, connection, 16 + PROGRAM_SIZE, request->correlation);
  put_u16(body, 1);
  put_u32(body + 2, 0);
  put_u32(body + 6, LEADER_EPOCH);
  put_u32(body + 10, FRAME_SIZE_MAX);
  put_u16(body + 14, PROGRAM_SIZE);
  memcpy(body + 16, PROGRAM, PROGRAM_SIZE);
  return ERROR_NONE;
}

static bool text_is(const uint8_t *text, uint16_t size, const char *word) {
  return size == strlen(word) && memcmp(text, word, size) == 0;
}

/* A decimal number within the bounds, or false. */
static bool read_number(const uint8_t *text, uint16_t size, uint64_t min, uint64_t max,
                        uint32_t *into) {
  uint64_t value = 0;
  if (size == 0 || size > 10) return false;
  for (uint16_t at = 0; at < size; at += 1) {
    if (text[at] < '0' || text[at] > '9') return false;
    value = value * 10 + (uint64_t)(text[at] - '0');
  }
  *into = (uint32_t)value;
  return value >= min && value <= max;
}

/*
 * Level interval is not offered: the limit server has no timed sync, and saying yes would be a
 * lie.
 */
static bool apply_setting(struct topic *draft, struct reader *reader) {
  uint16_t key_size;
  uint16_t size;
  const uint8_t *key = take_string(reader, &key_size);
  const uint8_t *value = take_string(reader, &size);
  if (text_is(key, key_size, "durability")) {
    draft->durability = text_is(value, size, "os") ? LEVEL_OS : LEVEL_FSYNC;
    return text_is(value, size, "os") || text_is(value, size, "fsync");
  }
  if (text_is(key, key_size, "segment.bytes")) {
    return read_number(value, size, 1024, INT32_MAX, &draft->segment_bytes);
  }
  if (text_is(key, key_size, "max.message.bytes")) {
    return read_number(value, size, BATCH_HEADER_SIZE, 64 << 20, &draft->max_message_bytes);
  }
  return false;
}

static enum error_code read_create_topic(struct request *request, struct topic *draft) {
  struct reader reader = {request->body, request->body + request->size, false};
  uint16_t size;
  const uint8_t *name = take_string(&reader, &size);
  if (size > 249) return ERROR_INVALID_TOPIC_NAME;
  memcpy(draft->name, name, size);
  draft->partition_count = get_u32(take(&reader, 4));
  draft->durability = LEVEL_FSYNC;
  draft->segment_bytes = 1 << 30;
  draft->max_message_bytes = 1048588;
  uint32_t settings = get_u32(take(&reader, 4));
  for (uint32_t at = 0; at < settings && !reader.is_short; at += 1) {
    bool is_known = apply_setting(draft, &reader);
    if (!reader.is_short && !is_known) return ERROR_INVALID_CONFIG;
  }
  return reader.is_short || reader.at != reader.end ? ERROR_INVALID_REQUEST : ERROR_NONE;
}

static enum error_code handle_create_topic(struct server *server, struct connection *connection,
                                           struct request *request) {
  struct topic *draft = allocate(sizeof *draft);
  enum error_code error = read_create_topic(request, draft);
  if (error != ERROR_NONE) {
    free(draft);
    return error;
  }
  error = topic_create(server, draft);
  if (error != ERROR_NONE) return error;
  memcpy(reply(server, connection, sizeof draft->id, request->correlation), draft->id,
         sizeof draft->id);
  return ERROR_NONE;
}

static uint32_t add_handle(struct connection *connection, struct partition *partition) {
  if (connection->handle_count == connection->handle_capacity) {
    uint32_t capacity = connection->handle_capacity * 2 + 4;
    connection->handles = reallocate(connection->handles, capacity * sizeof(struct partition *));
    connection->handle_capacity = capacity;
  }
  connection->handles[connection->handle_count] = partition;
  return connection->handle_count++;
}

static enum error_code handle_open_partition(struct server *server, struct connection *connection,
                                             struct request *request) {
  struct reader reader = {request->body, request->body + request->size, false};
  uint16_t size;
  const uint8_t *name = take_string(&reader, &size);
  uint32_t number = get_u32(take(&reader, 4));
  if (reader.is_short || reader.at != reader.end) return ERROR_INVALID_REQUEST;
  struct topic *topic = topic_find(server, name, size);
  if (topic == NULL) return ERROR_TOPIC_NOT_FOUND;
  if (number >= topic->partition_count) return ERROR_PARTITION_NOT_FOUND;
  if (connection->handle_count == HANDLES_MAX) return ERROR_TOO_MANY_HANDLES;
  struct partition *partition = &topic->partitions[number];
  uint8_t *body = reply(server, connection, 29, request->correlation);
  put_u32(body, add_handle(connection, partition));
  put_u32(body + 4, LEADER_EPOCH);
  put_u64(body + 8, 0);
  put_u64(body + 16, log_visible(partition).offset);
  put_u32(body + 24, topic->max_message_bytes);
  body[28] = (uint8_t)topic->durability;
  return ERROR_NONE;
}

/* The partition of the handle that every data request begins with, or NULL. */
static struct partition *partition_of(struct connection *connection, struct request *request) {
  uint32_t handle = get_u32(request->body);
  return handle < connection->handle_count ? connection->handles[handle] : NULL;
}

static enum error_code handle_produce(struct server *server, struct connection *connection,
                                      struct request *request) {
  if (request->size < PRODUCE_AT_BATCH) return ERROR_INVALID_REQUEST;
  uint8_t acks = request->body[PRODUCE_AT_ACKS];
  bool is_reserved_zero = (get_u32(request->body + PRODUCE_AT_ACKS) & 0xffffff) == 0;
  bool is_acks = acks == ACKS_NONE || acks == ACKS_LEADER || acks == ACKS_ALL;
  if (!is_acks || !is_reserved_zero) return ERROR_INVALID_REQUEST;
  struct partition *partition = partition_of(connection, request);
  if (partition == NULL) return ERROR_UNKNOWN_HANDLE;
  uint8_t *batch = request->body + PRODUCE_AT_BATCH;
  uint32_t size = request->size - PRODUCE_AT_BATCH;
  enum error_code error = batch_check(batch, size, partition->topic->max_message_bytes);
  if (error != ERROR_NONE) return error;
  struct ack ack = {.slot = connection->slot,
                    .generation = connection->generation,
                    .correlation = request->correlation,
                    .level = acks == ACKS_ALL ? partition->topic->durability : LEVEL_OS,
                    .silent = acks == ACKS_NONE};
  error = log_stage(server, partition, batch, size, ack);
  if (error == ERROR_NONE && !ack.silent) connection->unanswered += 1;
  return error;
}

static enum error_code handle_fetch(struct server *server, struct connection *connection,
                                    struct request *request) {
  if (request->size != FETCH_SIZE) return ERROR_INVALID_REQUEST;
  struct partition *partition = partition_of(connection, request);
  if (partition == NULL) return ERROR_UNKNOWN_HANDLE;
  struct parked fetch = {.partition = partition,
                         .slot = connection->slot,
                         .generation = connection->generation,
                         .correlation = request->correlation,
                         .max_bytes = get_u32(request->body + FETCH_AT_MAX_BYTES),
                         .min_bytes = get_u32(request->body + FETCH_AT_MIN_BYTES),
                         .offset = get_u64(request->body + FETCH_AT_OFFSET)};
  uint32_t wait_ms = get_u32(request->body + FETCH_AT_MAX_WAIT_MS);
  if (fetch.max_bytes > FETCH_SIZE_MAX || wait_ms > FETCH_WAIT_MS_MAX) {
    return ERROR_INVALID_REQUEST;
  }
  if (fetch.offset > partition->written.offset) return ERROR_OFFSET_OUT_OF_RANGE;
  if (fetch.min_bytes > fetch.max_bytes) fetch.min_bytes = fetch.max_bytes;
  if (wait_ms > 0 && log_bytes_from(partition, fetch.offset) < fetch.min_bytes) {
    fetch.deadline_us = server->now_us + (uint64_t)wait_ms * 1000;
    connection->unanswered += 1;
    waiters_park(server, &fetch);
  } else {
    frames_reply_fetch(server, connection, partition, fetch.offset, fetch.max_bytes,
                       fetch.correlation);
  }
  return ERROR_NONE;
}

static enum error_code handle_offsets(struct server *server, struct connection *connection,
                                      struct request *request) {
  if (request->size != 4) return ERROR_INVALID_REQUEST;
  struct partition *partition = partition_of(connection, request);
  if (partition == NULL) return ERROR_UNKNOWN_HANDLE;
  uint8_t *body = reply(server, connection, 32, request->correlation);
  put_u64(body, 0);
  put_u64(body + 8, log_visible(partition).offset);
  put_u64(body + 16, partition->durable.offset);
  put_u64(body + 24, partition->written.offset);
  return ERROR_NONE;
}

static enum error_code handle_stats(struct server *server, struct connection *connection,
                                    struct request *request) {
  const struct counters *counters = &server->counters;
  const struct {
    const char *name;
    uint64_t value;
  } all[] = {
      {"turns_total", counters->turns},
      {"connections_accepted_total", counters->connections},
      {"requests_total", counters->requests},
      {"errors_total", counters->errors},
      {"receive_calls_total", counters->receives},
      {"send_calls_total", counters->sends},
      {"sendfile_calls_total", counters->sendfiles},
      {"appended_batches_total", counters->appends},
      {"appended_records_total", counters->append_records},
      {"appended_bytes_total", counters->append_bytes},
      {"write_calls_total", counters->writes},
      {"sync_groups_total", counters->syncs},
      {"fetches_total", counters->fetches},
      {"fetched_bytes_total", counters->fetch_bytes},
      {"fetches_parked_total", counters->fetches_parked},
  };
  enum { COUNT = sizeof all / sizeof all[0] };
  uint32_t size = 4;
  for (uint32_t at = 0; at < COUNT; at += 1) size += 10 + (uint32_t)strlen(all[at].name);
  uint8_t *into = reply(server, connection, size, request->correlation);
  put_u32(into, COUNT);
  into += 4;
  for (uint32_t at = 0; at < COUNT; at += 1) {
    uint16_t name_size = (uint16_t)strlen(all[at].name);
    put_u16(into, name_size);
    memcpy(into + 2, all[at].name, name_size);
    put_u64(into + 2 + name_size, all[at].value);
    into += 10 + name_size;
  }
  return ERROR_NONE;
}

static enum error_code execute(struct server *server, struct connection *connection,
                               const uint8_t *frame, struct request *request) {
  uint16_t operation = get_u16(frame + FRAME_AT_CODE);
  if (frame[FRAME_AT_FLAGS] != 0) return ERROR_INVALID_FRAME;
  if (!connection->said_hello && operation != OPERATION_HELLO) return ERROR_HELLO_REQUIRED;
  if (frame[FRAME_AT_VERSION] != 0) return ERROR_UNSUPPORTED_VERSION;
  switch (operation) {
    case OPERATION_PRODUCE: return handle_produce(server, connection, request);
    case OPERATION_FETCH: return handle_fetch(server, connection, request);
    case OPERATION_OFFSETS: return handle_offsets(server, connection, request);
    case OPERATION_HELLO: return handle_hello(server, connection, request);
    case OPERATION_CREATE_TOPIC: return handle_create_topic(server, connection, request);
    case OPERATION_OPEN_PARTITION: return handle_open_partition(server, connection, request);
    case OPERATION_STATS: return handle_stats(server, connection, request);
    case OPERATION_PING: reply(server, connection, 0, request->correlation); return ERROR_NONE;
    default: return ERROR_UNKNOWN_OPERATION;
  }
}

/* Executes every whole frame that was received, until the connection holds too much unanswered. */
void frames_dispatch(struct server *server, struct connection *connection) {
  while (connection->in_received - connection->in_parsed >= FRAME_SIZE_FIELD) {
    uint8_t *frame = connection->in + connection->in_parsed;
    uint64_t size = (uint64_t)get_u32(frame) + FRAME_SIZE_FIELD;
    uint64_t size_max = connection->said_hello ? FRAME_SIZE_MAX : FRAME_SIZE_MAX_BEFORE_HELLO;
    if (size < FRAME_HEADER_SIZE || size > size_max) {
      bool is_short = size < FRAME_HEADER_SIZE;
      frames_reply_error(server, connection,
                         is_short ? ERROR_INVALID_FRAME : ERROR_FRAME_TOO_LARGE, 0);
      connection->closes_when_sent = true;
      connection_pause(server, connection);
      return;
    }
    if (size > connection->in_received - connection->in_parsed) return;
    struct request request = {.correlation = get_u32(frame + FRAME_AT_CORRELATION),
                              .body = frame + FRAME_HEADER_SIZE,
                              .size = (uint32_t)size - FRAME_HEADER_SIZE};
    connection->in_parsed += (uint32_t)size;
    server->counters.requests += 1;
    enum error_code error = execute(server, connection, frame, &request);
    if (error != ERROR_NONE) frames_reply_error(server, connection, error, request.correlation);
    if (connection_is_above_limits(connection)) {
      connection_pause(server, connection);
      return;
    }
  }
}
