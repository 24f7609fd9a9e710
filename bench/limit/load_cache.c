/*
 * The page cache of files: how much of them lies there, and putting them out of it.
 *
 *     load resident FILE…   {"mode":"resident","residentBytes":N,"bytes":M}
 *     load evict FILE…      syncs them first, because dirty pages stay
 *
 * Invariant: after evict nothing of the files is resident, or the program ends with an error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"

enum { PAGE = 4096 };

/* By mincore, which every kernel has. */
static uint64_t resident_bytes(int fd, uint64_t size) {
  if (size == 0) return 0;
  void *mapped = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) die("mmap: %s", strerror(errno));
  uint64_t pages = (size + PAGE - 1) / PAGE;
  unsigned char *states = allocate(pages);
  if (mincore(mapped, size, states) != 0) die("mincore: %s", strerror(errno));
  uint64_t resident = 0;
  for (uint64_t page = 0; page < pages; page += 1) resident += states[page] & 1;
  munmap(mapped, size);
  return resident * PAGE;
}

void cache_run(const char *mode, int count, char **paths) {
  bool evicts = strcmp(mode, "evict") == 0;
  uint64_t resident = 0;
  uint64_t bytes = 0;
  for (int at = 0; at < count; at += 1) {
    int fd = open(paths[at], O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) die("%s: %s", paths[at], strerror(errno));
    if (evicts) {
      if (fdatasync(fd) != 0) die("sync of %s: %s", paths[at], strerror(errno));
      posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    resident += resident_bytes(fd, (uint64_t)status.st_size);
    bytes += (uint64_t)status.st_size;
    close(fd);
  }
  if (evicts && resident > 0) die("%lu bytes stay in the page cache", (unsigned long)resident);
  printf("{\"mode\":\"%s\",\"residentBytes\":%lu,\"bytes\":%lu,\"errors\":0}\n", mode,
         (unsigned long)resident, (unsigned long)bytes);
}
