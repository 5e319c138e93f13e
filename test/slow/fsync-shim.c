/*
 * Loaded into the store by LD_PRELOAD: makes fdatasync and fsync fail with EIO, as a device that lost a write does,
 * while the file named by FSYNC_FAILS exists and for those descriptors whose path contains what is written in it.
 * Each failure is one line in the file named by FSYNC_FAILED.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int told_to_fail(int fd) {
  char link[64], path[4096], wanted[256];
  const char *flag = getenv("FSYNC_FAILS"), *log = getenv("FSYNC_FAILED");
  if (flag == NULL || log == NULL) return 0;
  int file = open(flag, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, wanted, sizeof wanted - 1);
  close(file);
  if (length <= 0) return 0;
  wanted[length] = 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t end = readlink(link, path, sizeof path - 1);
  if (end < 0) return 0;
  path[end] = 0;
  if (strstr(path, wanted) == NULL) return 0;
  file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file >= 0) {
    dprintf(file, "%s\n", path);
    close(file);
  }
  return 1;
}

static int sync_with(const char *name, int fd) {
  if (told_to_fail(fd)) {
    errno = EIO;
    return -1;
  }
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  return real(fd);
}

int fdatasync(int fd) { return sync_with("fdatasync", fd); }

int fsync(int fd) { return sync_with("fsync", fd); }
