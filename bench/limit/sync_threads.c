/*
 * The same syncs by threads: --sync-threads N. What the design would do without AIO, and with N =
 * 1 the one sync thread that a simple server has.
 *
 *     turn -> todo -> fdatasync -> done -> eventfd -> reap
 *
 * Invariant: a partition is in one of the two queues at most, because one sync of it is in
 * flight. The thread touches only its `sync_*` fields.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "server.h"

struct queue {
  struct partition *head;
  struct partition **tail;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_todo = PTHREAD_COND_INITIALIZER;
static struct queue todo = {NULL, &todo.head};
static struct queue done = {NULL, &done.head};

static void push(struct queue *queue, struct partition *partition) {
  partition->next_job = NULL;
  *queue->tail = partition;
  queue->tail = &partition->next_job;
}

static struct partition *pop(struct queue *queue) {
  struct partition *first = queue->head;
  if (first == NULL) return NULL;
  queue->head = first->next_job;
  if (queue->head == NULL) queue->tail = &queue->head;
  return first;
}

static void *work(void *argument) {
  const struct server *server = argument;
  const uint64_t one = 1;
  pthread_mutex_lock(&mutex);
  for (;;) {
    struct partition *partition = pop(&todo);
    if (partition == NULL) {
      pthread_cond_wait(&has_todo, &mutex);
      continue;
    }
    pthread_mutex_unlock(&mutex);
    partition->sync_errno = fdatasync(partition->sync_fd) == 0 ? 0 : errno;
    pthread_mutex_lock(&mutex);
    push(&done, partition);
    if (write(server->sync_event_fd, &one, sizeof one) != sizeof one) fail("eventfd");
  }
  return NULL;
}

void sync_threads_open(struct server *server) {
  for (uint32_t number = 0; number < server->sync_threads; number += 1) {
    pthread_t thread;
    errno = pthread_create(&thread, NULL, work, server);
    if (errno != 0) fail("pthread_create");
  }
}

void sync_threads_submit(struct partition **chosen, long count) {
  pthread_mutex_lock(&mutex);
  for (long at = 0; at < count; at += 1) push(&todo, chosen[at]);
  pthread_mutex_unlock(&mutex);
  if (count == 1) pthread_cond_signal(&has_todo);
  else pthread_cond_broadcast(&has_todo);
}

void sync_threads_reap(struct server *server) {
  pthread_mutex_lock(&mutex);
  struct partition *all = done.head;
  done = (struct queue){NULL, &done.head};
  pthread_mutex_unlock(&mutex);
  while (all != NULL) {
    struct partition *partition = all;
    all = partition->next_job; /* before the partition may be submitted again */
    sync_ended(server, partition, partition->sync_errno);
  }
}
