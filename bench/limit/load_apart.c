/*
 * A core for the load generator alone, the others for the server (--apart).
 *
 *     cores   0 … n-2  every thread of the server      n-1  the load
 *
 * Without it the scheduler now puts both ends of a loopback connection on one core and now on two,
 * for seconds at a time: rates of one server then differ by a factor of four, which says nothing
 * about the server.
 *
 * Invariant: threads that the server starts later inherit the cores of the thread that starts them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "load.h"

static void keep_to(pid_t thread, const cpu_set_t *cores) {
  /* A thread that has just ended is no error. */
  if (sched_setaffinity(thread, sizeof *cores, cores) != 0 && thread == 0) die("no affinity");
}

void set_apart(uint32_t server_pid) {
  cpu_set_t all, mine, theirs;
  if (sched_getaffinity(0, sizeof all, &all) != 0) die("no affinity");
  if (CPU_COUNT(&all) < 2) return;
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &all)) last -= 1;
  CPU_ZERO(&mine);
  CPU_SET(last, &mine);
  theirs = all;
  CPU_CLR(last, &theirs);
  keep_to(0, &mine);
  char path[64];
  snprintf(path, sizeof path, "/proc/%u/task", server_pid);
  DIR *tasks = opendir(path);
  if (tasks == NULL) die("cannot read %s", path);
  for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
    pid_t thread = (pid_t)atoi(entry->d_name);
    if (thread > 0) keep_to(thread, &theirs);
  }
  closedir(tasks);
}
