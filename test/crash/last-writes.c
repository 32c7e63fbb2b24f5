/* Preloaded into a Node process, it kills that process at one of its last calls that change a file system: what is left is
 * what the calls before it left, and no chance is involved (T3 of the promises).
 *
 * CARRYON_LAST_BELOW  only calls on names or files below this directory count
 * CARRYON_LAST_FROM   kind, by number, of the journal's record whose write is call 1; nothing counts before it
 * CARRYON_LAST_KILL   "before K": SIGKILL instead of call K; "after K": as soon as it is done; "before 0": never
 * CARRYON_LAST_LOG    a file that gets a line for each call that counts: its number, its name, what it is on
 *
 * Build: cc -shared -fPIC -O1 -pthread -o last-writes.so last-writes.c -ldl. Linux with glibc. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "preloaded.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *below;
static int record, is_after, has_begun, log_fd;
static long victim, count;

__attribute__((constructor)) static void begin(void) {
  char when[8] = "";
  const char *kill = getenv("CARRYON_LAST_KILL"), *from = getenv("CARRYON_LAST_FROM"), *log = getenv("CARRYON_LAST_LOG");
  const char *place = getenv("CARRYON_LAST_BELOW");
  if (kill == NULL || from == NULL || log == NULL || place == NULL || sscanf(kill, "%7s %ld", when, &victim) != 2) {
    fprintf(stderr, "last-writes: it lacks a variable\n");
    abort();
  }
  is_after = strcmp(when, "after") == 0;
  record = atoi(from);
  log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  below = place;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Counts a call. Its number, or 0 if it does not count. */
static long counted(const char *call, const char *path) {
  size_t length = strlen(below);
  if (!has_begun || strncmp(path, below, length) != 0 || path[length] != '/') return 0;
  pthread_mutex_lock(&lock);
  long number = ++count;
  dprintf(log_fd, "%ld %s %s\n", number, call, path + length + 1);
  if (number == victim && !is_after) die();
  pthread_mutex_unlock(&lock);
  return number;
}

static long counted_on_path(const char *call, const char *given) {
  char path[PATH_MAX];
  resolve(given, path);
  return counted(call, path);
}

static long counted_on_fd(const char *call, int fd) {
  char path[PATH_MAX];
  return has_begun && path_of_fd(fd, path) ? counted(call, path) : 0;
}

#define CALL(number, result)                                                                                          \
  {                                                                                                                   \
    long its = number;                                                                                                \
    __typeof__(result) is = result;                                                                                   \
    if (its != 0 && its == victim) die();                                                                             \
    return is;                                                                                                        \
  }

/* ---- the calls ------------------------------------------------------------------------------------------------------ */

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  REAL(int, "open64", const char *, int, ...);
  if (!(flags & O_CREAT)) return real(path, flags, mode);
  CALL(counted_on_path("open", path), real(path, flags, mode));
}

/* Records begin at multiples of 8 of what is written together. */
static void look_for_record(const unsigned char *bytes, size_t length) {
  for (size_t at = 0; at + 5 <= length && !has_begun; at += 8)
    has_begun = memcmp(bytes + at, "CRYR", 4) == 0 && bytes[at + 4] == record;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
  if (!has_begun) look_for_record(bytes, length);
  CALL(counted_on_fd("pwrite", fd), real(fd, bytes, length, offset));
}

ssize_t pwritev64(int fd, const struct iovec *buffers, int many, off_t offset) {
  REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off_t);
  CALL(counted_on_fd("pwritev", fd), real(fd, buffers, many, offset));
}

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  CALL(counted_on_fd("write", fd), real(fd, bytes, length));
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  CALL(counted_on_fd("fdatasync", fd), real(fd));
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  CALL(counted_on_fd("fsync", fd), real(fd));
}

int link(const char *old, const char *new) {
  REAL(int, "link", const char *, const char *);
  CALL(counted_on_path("link", new), real(old, new));
}

int rename(const char *old, const char *new) {
  REAL(int, "rename", const char *, const char *);
  CALL(counted_on_path("rename", new), real(old, new));
}

int ftruncate64(int fd, off_t length) {
  REAL(int, "ftruncate64", int, off_t);
  CALL(counted_on_fd("ftruncate", fd), real(fd, length));
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  CALL(counted_on_path("mkdir", path), real(path, mode));
}

int rmdir(const char *path) {
  REAL(int, "rmdir", const char *);
  CALL(counted_on_path("rmdir", path), real(path));
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  CALL(counted_on_path("unlink", path), real(path));
}
