/*
 * Topics and their partitions: names in a list, directories `<data>/<topic>-<partition>`.
 *
 * Nothing is remembered over a restart: the limit server measures, it does not keep.
 *
 * Invariant: a topic in the list has all its partitions open, each with an active segment.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"

struct topic *topic_find(struct server *server, const uint8_t *name, size_t size) {
  for (struct topic *one = server->topics; one != NULL; one = one->next) {
    if (strlen(one->name) == size && memcmp(one->name, name, size) == 0) return one;
  }
  return NULL;
}

static bool is_name(const char *name) {
  static const char ALLOWED[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return false;
  return strspn(name, ALLOWED) == strlen(name);
}

static enum error_code open_partition(struct server *server, struct partition *partition) {
  char path[300];
  snprintf(path, sizeof path, "%s-%u", partition->topic->name, partition->number);
  if (mkdirat(server->data_fd, path, 0700) != 0) return ERROR_STORAGE_FAILED;
  partition->directory_fd = openat(server->data_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (partition->directory_fd < 0) return ERROR_STORAGE_FAILED;
  return log_open_segment(partition);
}

/* Makes a topic from `draft` and takes it over; frees it when it is refused. */
enum error_code topic_create(struct server *server, struct topic *draft) {
  enum error_code error = ERROR_NONE;
  if (!is_name(draft->name)) error = ERROR_INVALID_TOPIC_NAME;
  else if (draft->partition_count < 1 || draft->partition_count > PARTITIONS_MAX) {
    error = ERROR_INVALID_PARTITIONS;
  } else if (topic_find(server, (uint8_t *)draft->name, strlen(draft->name)) != NULL) {
    error = ERROR_TOPIC_EXISTS;
  }
  if (error != ERROR_NONE) {
    free(draft);
    return error;
  }
  if (getrandom(draft->id, sizeof draft->id, 0) != sizeof draft->id) fail("getrandom");
  draft->partitions = allocate(draft->partition_count * sizeof *draft->partitions);
  for (uint32_t number = 0; number < draft->partition_count; number += 1) {
    struct partition *partition = &draft->partitions[number];
    partition->topic = draft;
    partition->number = number;
    error = open_partition(server, partition);
    /* Half a topic would have to be taken down again; a measurement is void by then anyway. */
    if (error != ERROR_NONE) fail("cannot create the files of a topic");
  }
  if (fsync(server->data_fd) != 0) fail("fsync of the data directory");
  draft->next = server->topics;
  server->topics = draft;
  return ERROR_NONE;
}
