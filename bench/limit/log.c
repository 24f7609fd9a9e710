/*
 * The log of a partition: segment files, the gathered write of a turn, the search of a fetch.
 *
 *     00000000000000000000.log   | batch | batch | …      segments[0], sealed
 *     00000000000000001000.log   | batch | …  ^ written   segments[last], active
 *
 * A turn's batches are staged: stamped in the receive buffer, entered in the index, listed as
 * vectors. One `pwritev` then writes them all. The index is exact, eight bytes a batch, in memory
 * only.
 *
 * Invariant: all staged batches belong to the active segment. Bytes below `written` never change,
 * so a slice that waits in a send queue stays true.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server.h"

static struct segment *active_segment(const struct partition *partition) {
  return partition->segments[partition->segment_count - 1];
}

/* Begins a segment at the staged point; nothing may be staged and unwritten. */
enum error_code log_open_segment(struct partition *partition) {
  char name[32];
  snprintf(name, sizeof name, "%020" PRIu64 ".log", partition->staged.offset);
  int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  int fd = openat(partition->directory_fd, name, flags, 0600);
  if (fd < 0) return errno == ENOSPC ? ERROR_DISK_FULL : ERROR_STORAGE_FAILED;
  /* The name must be as durable as what will be acknowledged under it. */
  if (partition->topic->durability == LEVEL_FSYNC && fsync(partition->directory_fd) != 0) {
    fail("fsync of a directory");
  }
  if (partition->segment_count == partition->segment_capacity) {
    partition->segment_capacity = partition->segment_capacity * 2 + 4;
    size_t size = partition->segment_capacity * sizeof *partition->segments;
    partition->segments = reallocate(partition->segments, size);
  }
  struct segment *segment = allocate(sizeof *segment);
  segment->fd = fd;
  segment->base = partition->staged;
  partition->segments[partition->segment_count++] = segment;
  return ERROR_NONE;
}

static void stamp(uint8_t *batch, uint64_t base_offset) {
  put_u64(batch, base_offset);
  put_u32(batch + BATCH_AT_EPOCH, LEADER_EPOCH);
}

static void index_append(struct segment *segment, uint32_t last_offset, uint32_t position) {
  if (segment->count == segment->capacity) {
    segment->capacity = segment->capacity == 0 ? 1024 : segment->capacity * 2;
    segment->entries = reallocate(segment->entries, segment->capacity * sizeof *segment->entries);
  }
  segment->entries[segment->count++] = (struct batch_entry){last_offset, position};
}

/*
 * Takes a checked batch for the write of this turn; `ack` says whom to tell, and gets its
 * offsets.
 */
enum error_code log_stage(struct server *server, struct partition *partition, uint8_t *batch,
                          uint32_t size, struct ack ack) {
  struct segment *segment = active_segment(partition);
  uint64_t size_after = (uint64_t)segment->size + size;
  bool is_full = segment->size > 0 && size_after > partition->topic->segment_bytes;
  if (is_full || partition->vector_count == VECTORS_MAX) log_write_staged(server, partition);
  if (is_full) {
    enum error_code error = log_open_segment(partition);
    if (error != ERROR_NONE) return error;
    segment = active_segment(partition);
  }
  uint32_t count = get_u32(batch + BATCH_AT_COUNT);
  ack.base_offset = partition->staged.offset;
  ack.end_offset = ack.base_offset + count;
  stamp(batch, ack.base_offset);
  index_append(segment, (uint32_t)(ack.end_offset - 1 - segment->base.offset), segment->size);
  segment->size += size;
  partition->staged.offset = ack.end_offset;
  partition->staged.bytes += size;
  partition->vectors[partition->vector_count++] = (struct iovec){batch, size};
  waiters_push_ack(partition, &ack);
  waiters_touch(server, partition);
  return ERROR_NONE;
}

/* Writes all vectors, going on after a short write; 0 or an errno. */
static int write_vectors(struct server *server, struct partition *partition, int fd,
                         off_t position) {
  struct iovec *vector = partition->vectors;
  uint32_t left = partition->vector_count;
  while (left > 0) {
    ssize_t written = pwritev(fd, vector, (int)left, position);
    server->counters.writes += 1;
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written == 0 ? ENOSPC : errno;
    position += written;
    while (left > 0 && (size_t)written >= vector->iov_len) {
      written -= (ssize_t)vector->iov_len;
      vector += 1;
      left -= 1;
    }
    if (left > 0) {
      vector->iov_base = (uint8_t *)vector->iov_base + written;
      vector->iov_len -= (size_t)written;
    }
  }
  return 0;
}

/* Nothing above `written` was shown or acknowledged, so it may be cut away. */
static void undo_staged(struct partition *partition, struct segment *segment) {
  segment->size = (uint32_t)(partition->written.bytes - segment->base.bytes);
  while (segment->count > 0 && segment->entries[segment->count - 1].position >= segment->size) {
    segment->count -= 1;
  }
  if (ftruncate(segment->fd, segment->size) != 0) fail("ftruncate after a failed write");
  partition->staged = partition->written;
}

void log_write_staged(struct server *server, struct partition *partition) {
  if (partition->vector_count == 0) return;
  struct segment *segment = active_segment(partition);
  uint64_t position = partition->written.bytes - segment->base.bytes;
  int error = write_vectors(server, partition, segment->fd, (off_t)position);
  partition->vector_count = 0;
  if (error == 0) {
    server->counters.appends += partition->acks_staged;
    server->counters.append_records += partition->staged.offset - partition->written.offset;
    server->counters.append_bytes += partition->staged.bytes - partition->written.bytes;
    partition->written = partition->staged;
    partition->acks_staged = 0;
    return;
  }
  fprintf(stderr, "limit: write failed: %s\n", strerror(error));
  undo_staged(partition, segment);
  bool is_full = error == ENOSPC || error == EDQUOT;
  waiters_refuse_staged(server, partition, is_full ? ERROR_DISK_FULL : ERROR_STORAGE_FAILED);
}

struct point log_visible(const struct partition *partition) {
  return partition->topic->durability == LEVEL_FSYNC ? partition->durable : partition->written;
}

/* The last segment whose base is at or below `offset`. */
static const struct segment *find_segment(const struct partition *partition, uint64_t offset) {
  uint32_t low = 0;
  uint32_t high = partition->segment_count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (partition->segments[middle]->base.offset <= offset) low = middle;
    else high = middle;
  }
  return partition->segments[low];
}

/* The entry of the batch that holds `offset`; the offset must lie in the segment. */
static uint32_t find_entry(const struct segment *segment, uint64_t offset) {
  uint32_t wanted = (uint32_t)(offset - segment->base.offset);
  uint32_t low = 0;
  uint32_t high = segment->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (segment->entries[middle].last_offset < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* Visible bytes from the batch that holds `offset` on. */
uint64_t log_bytes_from(const struct partition *partition, uint64_t offset) {
  struct point visible = log_visible(partition);
  if (offset >= visible.offset) return 0;
  const struct segment *segment = find_segment(partition, offset);
  uint32_t position = segment->entries[find_entry(segment, offset)].position;
  return visible.bytes - segment->base.bytes - position;
}

/* The last batch boundary at or below `limit`, but at least one batch after entry `first`. */
static uint32_t find_boundary(const struct segment *segment, uint32_t first, uint64_t limit) {
  uint32_t low = first + 1;
  uint32_t high = segment->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (segment->entries[middle].position <= limit) low = middle + 1;
    else high = middle;
  }
  uint32_t last = low - 1; /* the last entry that begins at or below the limit, `first` at least */
  if (last > first) return segment->entries[last].position;
  return first + 1 < segment->count ? segment->entries[first + 1].position : segment->size;
}

/* Whole visible batches from the one that holds `offset`: at most max_bytes, at least one batch. */
struct extent log_find(const struct partition *partition, uint64_t offset, uint32_t max_bytes) {
  struct point visible = log_visible(partition);
  if (offset >= visible.offset) return (struct extent){0};
  const struct segment *segment = find_segment(partition, offset);
  uint32_t first = find_entry(segment, offset);
  uint32_t position = segment->entries[first].position;
  uint64_t end = visible.bytes - segment->base.bytes;
  if (end > segment->size) end = segment->size;
  uint64_t limit = (uint64_t)position + max_bytes;
  if (limit < end) end = find_boundary(segment, first, limit);
  return (struct extent){segment->fd, position, (uint32_t)(end - position)};
}
