/* Calls of the C library that fail as if a disk or a machine were at fault, for LD_PRELOAD; see faults.py.

   FAULT_PATH     part of the paths that cannot be opened, listed or read
   FAULT_ERRNO    number of the error
   FAULT_CALLS    letters: o open, l list a folder, s stat, r read
   FAULT_FROM     the first of these calls that fails, counted from 1
   FAULT_COUNT    how many fail, 0 for all from there on
   FAULT_LOG      file that gets a line for each of these calls, whether it fails or not
   FAULT_THREADS  how many threads there may be beside the first one */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
/* Looked up at each call: what runs before the constructors of this library may call, too. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int calls, threads;

static int number(const char *name, int otherwise) {
  const char *value = getenv(name);
  return value && *value ? atoi(value) : otherwise;
}

/* Whether this call is to fail; errno is set then. */
static int fails(char kind, const char *path) {
  const char *part = getenv("FAULT_PATH"), *kinds = getenv("FAULT_CALLS"), *log = getenv("FAULT_LOG");
  if (!part || !*part || !path || !kinds || !strchr(kinds, kind) || !strstr(path, part)) return 0;
  int first = number("FAULT_FROM", 1), count = number("FAULT_COUNT", 0), now = ++calls;
  int handle = log ? REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
  if (handle >= 0) {
    dprintf(handle, "%c %s\n", kind, path);
    close(handle);
  }
  if (now < first || (count && now >= first + count)) return 0;
  errno = number("FAULT_ERRNO", EIO);
  return 1;
}

/* The same for an open file. */
static int fails_open(char kind, int handle) {
  char link[64], path[PATH_MAX];
  if (!getenv("FAULT_PATH")) return 0;
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length < 0) return 0;
  path[length] = 0;
  return fails(kind, path);
}

#define MODE(flags)                                   \
  mode_t mode = 0;                                    \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {            \
    va_list rest;                                     \
    va_start(rest, flags);                            \
    mode = va_arg(rest, mode_t);                      \
    va_end(rest);                                     \
  }

#define OPEN(name)                                    \
  EXPORT int name(const char *path, int flags, ...) { \
    MODE(flags)                                       \
    return fails(flags & O_DIRECTORY ? 'l' : 'o', path) ? -1 : REAL(name)(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                  \
  EXPORT int name(int folder, const char *path, int flags, ...) { \
    MODE(flags)                                       \
    return fails(flags & O_DIRECTORY ? 'l' : 'o', path) ? -1 : REAL(name)(folder, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

EXPORT DIR *opendir(const char *path) { return fails('l', path) ? NULL : REAL(opendir)(path); }

#define STAT(name, type)                              \
  EXPORT int name(const char *restrict path, struct type *restrict s) { \
    return fails('s', path) ? -1 : REAL(name)(path, s); \
  }
STAT(stat, stat)
STAT(lstat, stat)
STAT(stat64, stat64)
STAT(lstat64, stat64)

EXPORT int fstatat(int folder, const char *restrict path, struct stat *restrict s, int flags) {
  return fails('s', path) ? -1 : REAL(fstatat)(folder, path, s, flags);
}
EXPORT int fstatat64(int folder, const char *restrict path, struct stat64 *restrict s, int flags) {
  return fails('s', path) ? -1 : REAL(fstatat64)(folder, path, s, flags);
}

EXPORT ssize_t read(int handle, void *data, size_t size) {
  return fails_open('r', handle) ? -1 : REAL(read)(handle, data, size);
}
EXPORT ssize_t pread(int handle, void *data, size_t size, off_t at) {
  return fails_open('r', handle) ? -1 : REAL(pread)(handle, data, size, at);
}
EXPORT ssize_t pread64(int handle, void *data, size_t size, off64_t at) {
  return fails_open('r', handle) ? -1 : REAL(pread64)(handle, data, size, at);
}
EXPORT ssize_t preadv(int handle, const struct iovec *parts, int count, off_t at) {
  return fails_open('r', handle) ? -1 : REAL(preadv)(handle, parts, count, at);
}
EXPORT ssize_t preadv64(int handle, const struct iovec *parts, int count, off64_t at) {
  return fails_open('r', handle) ? -1 : REAL(preadv64)(handle, parts, count, at);
}

struct start {
  void *(*run)(void *);
  void *argument;
};

static void leave(void *unused) {
  (void)unused;
  threads--;
}

static void *enter(void *given) {
  struct start start = *(struct start *)given;
  void *result;
  free(given);
  pthread_cleanup_push(leave, NULL);
  result = start.run(start.argument);
  pthread_cleanup_pop(1);
  return result;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *argument) {
  int most = number("FAULT_THREADS", -1);
  struct start *start;
  if (most < 0) return REAL(pthread_create)(thread, how, run, argument);
  if (++threads > most || !(start = malloc(sizeof *start))) {
    threads--;
    return EAGAIN;
  }
  *start = (struct start){run, argument};
  int code = REAL(pthread_create)(thread, how, enter, start);
  if (code) {
    free(start);
    threads--;
  }
  return code;
}
