/* Preloaded into a Node process, it fails the file system calls it is told to, and keeps the books of a disk that means it:
 * what a failed sync should have written reads well until it is forgotten, as in a real page cache (M3 of the promises).
 *
 * Orders are paths given to readlink(); the text of the "link" is the answer. Only what lies below one directory counts.
 *   /carryon-shim/arm CALL K HOW MANY BELOW   count from now on; the K-th CALL and MANY - 1 behind it end as HOW says:
 *                                             an errno; `short`: half is written; `skip`: success, and nothing is done
 *   /carryon-shim/counts                      "open 3 pwrite 14 ... failed 1", since it was armed
 *   /carryon-shim/forget                      all that failed syncs should have written is gone: the old bytes are back
 *   /carryon-shim/pass                        fail nothing more; the books go on
 *   /carryon-shim/disarm                      let everything pass
 * The variable CARRYON_SHIM holds a first order.
 *
 * Build: cc -shared -fPIC -O1 -pthread -o shim.so shim.c -ldl. Linux with glibc. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "preloaded.h"

enum call { OPEN, PWRITE, FDATASYNC, FSYNC, DIRSYNC, LINK, RENAME, FTRUNCATE, MKDIR, UNLINK, CALLS };
static const char *const names[CALLS] = {"open", "pwrite", "fdatasync", "fsync", "dirsync",
                                         "link", "rename", "ftruncate", "mkdir", "unlink"};
enum { PASS = 0, SHORT = -1, SKIP = -2 }; /* Verdicts beside errnos. */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int armed;
static enum call victim;
static long from, to;
static int how;
static char below[PATH_MAX];
static long counts[CALLS];
static long failed;

/* ---- which calls ---------------------------------------------------------------------------------------------------- */

/* Counts a call and says how it ends. */
static int verdict(enum call call, const char *path) {
  size_t length = strlen(below);
  if (strncmp(path, below, length) != 0 || (path[length] != '/' && path[length] != 0)) return PASS;
  pthread_mutex_lock(&lock);
  long number = ++counts[call];
  int fails = call == victim && number >= from && number < to;
  failed += fails;
  pthread_mutex_unlock(&lock);
  return fails ? how : PASS;
}

static int verdict_on_path(enum call call, const char *given) {
  char path[PATH_MAX];
  if (!armed) return PASS;
  resolve(given, path);
  return verdict(call, path);
}

static int verdict_on_fd(enum call call, int fd) {
  char path[PATH_MAX];
  return armed && path_of_fd(fd, path) ? verdict(call, path) : PASS;
}

static int refuse(int error) {
  errno = error;
  return -1;
}

/* ---- what the disk holds -------------------------------------------------------------------------------------------- */

enum { PAGE = 4096 };
enum state { CLEAN, DIRTY, SYNCING, DIRTY_AGAIN, LOST };
struct page {
  enum state state;
  char *disk; /* Its bytes as of the last sync that succeeded; none while it is clean. */
};
struct file {
  dev_t device;
  ino_t inode;
  int fd; /* Our own, so that the program may close its. */
  size_t length;
  struct page *pages;
  struct file *next;
};
static struct file *files;

static struct file *file_of(int fd, int make) {
  struct stat stat;
  if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) return NULL;
  for (struct file *file = files; file != NULL; file = file->next)
    if (file->device == stat.st_dev && file->inode == stat.st_ino) return file;
  if (!make) return NULL;
  struct file *file = calloc(1, sizeof *file);
  *file = (struct file){.device = stat.st_dev, .inode = stat.st_ino, .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3), .next = files};
  return files = file;
}

static void keep_what_the_disk_has(struct file *file, size_t index) {
  struct page *page = &file->pages[index];
  if (page->disk == NULL) page->disk = malloc(PAGE);
  ssize_t got = pread(file->fd, page->disk, PAGE, (off_t)index * PAGE);
  memset(page->disk + (got > 0 ? got : 0), 0, PAGE - (got > 0 ? got : 0));
}

static void before_write(int fd, off_t offset, size_t bytes) {
  if (how == SKIP) return; /* Nothing fails, so nothing is forgotten. */
  struct file *file = bytes == 0 ? NULL : file_of(fd, 1);
  if (file == NULL) return;
  size_t last = (offset + bytes - 1) / PAGE;
  if (last >= file->length) {
    file->pages = realloc(file->pages, (last + 1) * sizeof *file->pages);
    memset(file->pages + file->length, 0, (last + 1 - file->length) * sizeof *file->pages);
    file->length = last + 1;
  }
  for (size_t i = offset / PAGE; i <= last; i++) {
    struct page *page = &file->pages[i];
    if (page->state == CLEAN) keep_what_the_disk_has(file, i);
    page->state = page->state == SYNCING || page->state == DIRTY_AGAIN ? DIRTY_AGAIN : DIRTY;
  }
}

static void clean(struct page *page) {
  free(page->disk);
  *page = (struct page){CLEAN, NULL};
}

static void sync_begins(int fd) {
  struct file *file = file_of(fd, 0);
  for (size_t i = 0; file != NULL && i < file->length; i++)
    if (file->pages[i].state == DIRTY) file->pages[i].state = SYNCING;
}

static void sync_ends(int fd, int succeeded) {
  struct file *file = file_of(fd, 0);
  for (size_t i = 0; file != NULL && i < file->length; i++) {
    struct page *page = &file->pages[i];
    if (page->state == SYNCING && succeeded) clean(page);
    else if (page->state == SYNCING) page->state = LOST;
    else if (page->state == DIRTY_AGAIN) {
      if (succeeded) keep_what_the_disk_has(file, i); /* Perhaps more than it has, never less. */
      page->state = DIRTY;
    }
  }
}

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

/* The page cache lets go of what failed syncs left in it. Sizes and times stay. */
static void forget(void) {
  for (struct file *file = files; file != NULL; file = file->next) {
    struct stat stat;
    if (fstat(file->fd, &stat) != 0) continue;
    for (size_t i = 0; i < file->length; i++) {
      struct page *page = &file->pages[i];
      off_t start = (off_t)i * PAGE;
      if (page->state != LOST) continue;
      size_t bytes = start >= stat.st_size ? 0 : stat.st_size - start < PAGE ? (size_t)(stat.st_size - start) : PAGE;
      if (bytes > 0 && real_pwrite(file->fd, page->disk, bytes, start) < 0) perror("shim: forget");
      clean(page);
    }
    futimens(file->fd, (struct timespec[]){stat.st_atim, stat.st_mtim});
  }
}

static void drop_books(void) {
  while (files != NULL) {
    struct file *file = files;
    for (size_t i = 0; i < file->length; i++) clean(&file->pages[i]);
    free(file->pages);
    syscall(SYS_close, file->fd);
    files = file->next;
    free(file);
  }
}

/* ---- orders --------------------------------------------------------------------------------------------------------- */

static int arm(const char *order) {
  char call[16], end[16];
  long k, many;
  if (sscanf(order, "arm %15s %ld %15s %ld %4095[^\n]", call, &k, end, &many, below) != 5) return refuse(EINVAL);
  for (victim = 0; victim < CALLS && strcmp(names[victim], call) != 0; victim++) continue;
  how = strcmp(end, "short") == 0 ? SHORT : strcmp(end, "skip") == 0 ? SKIP : atoi(end);
  from = k;
  to = k + many;
  memset(counts, 0, sizeof counts);
  failed = 0;
  drop_books();
  armed = 1;
  return 0;
}

static ssize_t obey(const char *order, char *answer, size_t size) {
  int length = 0;
  pthread_mutex_lock(&lock);
  if (strncmp(order, "arm ", 4) == 0) length = arm(order);
  else if (strcmp(order, "forget") == 0) forget();
  else if (strcmp(order, "pass") == 0) to = 0;
  else if (strcmp(order, "disarm") == 0) armed = 0, drop_books();
  else if (strcmp(order, "counts") != 0) length = refuse(EINVAL);
  for (int i = 0; i < CALLS && length >= 0; i++)
    length += snprintf(answer + length, size - length, "%s %ld ", names[i], counts[i]);
  if (length >= 0) length += snprintf(answer + length, size - length, "failed %ld", failed);
  pthread_mutex_unlock(&lock);
  return length;
}

__attribute__((constructor)) static void begin(void) {
  char answer[512];
  real_pwrite = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
  const char *order = getenv("CARRYON_SHIM");
  if (order != NULL && obey(order, answer, sizeof answer) < 0) fprintf(stderr, "shim: cannot obey %s\n", order);
}

/* ---- the calls ------------------------------------------------------------------------------------------------------ */

ssize_t readlink(const char *path, char *buffer, size_t size) {
  static const char prefix[] = "/carryon-shim/";
  if (strncmp(path, prefix, sizeof prefix - 1) == 0) return obey(path + sizeof prefix - 1, buffer, size);
  return syscall(SYS_readlinkat, AT_FDCWD, path, buffer, size);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  REAL(int, "open64", const char *, int, ...);
  int end = verdict_on_path(OPEN, path);
  return end > 0 ? refuse(end) : real(path, flags, mode);
}

static ssize_t written(int fd, const void *bytes, size_t count, off_t offset) {
  if (!armed) return real_pwrite(fd, bytes, count, offset);
  int end = verdict_on_fd(PWRITE, fd);
  if (end > 0) return refuse(end);
  if (end == SKIP) return count;
  if (end == SHORT && count > 1) count /= 2;
  pthread_mutex_lock(&lock);
  before_write(fd, offset, count);
  pthread_mutex_unlock(&lock);
  return real_pwrite(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset) { return written(fd, bytes, count, offset); }

/* Node never writes from more than one buffer here; a first buffer alone is a short write, which callers must bear. */
ssize_t pwritev64(int fd, const struct iovec *buffers, int count, off_t offset) {
  return written(fd, count > 0 ? buffers->iov_base : NULL, count > 0 ? buffers->iov_len : 0, offset);
}

static int synced(enum call call, int fd, int (*real)(int)) {
  if (!armed) return real(fd);
  int end = verdict_on_fd(call, fd);
  if (end == SKIP) return 0;
  pthread_mutex_lock(&lock);
  sync_begins(fd);
  pthread_mutex_unlock(&lock);
  int result = end > 0 ? -1 : real(fd), error = end > 0 ? end : errno;
  pthread_mutex_lock(&lock);
  sync_ends(fd, result == 0);
  pthread_mutex_unlock(&lock);
  return result == 0 ? 0 : refuse(error);
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  return synced(FDATASYNC, fd, real);
}

/* `dirsync`: of a directory. */
int fsync(int fd) {
  REAL(int, "fsync", int);
  struct stat stat;
  return synced(armed && fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode) ? DIRSYNC : FSYNC, fd, real);
}

int link(const char *old, const char *new) {
  REAL(int, "link", const char *, const char *);
  int end = verdict_on_path(LINK, new);
  return end > 0 ? refuse(end) : real(old, new);
}

int rename(const char *old, const char *new) {
  REAL(int, "rename", const char *, const char *);
  int end = verdict_on_path(RENAME, new);
  return end > 0 ? refuse(end) : real(old, new);
}

int ftruncate64(int fd, off_t length) {
  REAL(int, "ftruncate64", int, off_t);
  int end = verdict_on_fd(FTRUNCATE, fd);
  return end > 0 ? refuse(end) : real(fd, length);
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  int end = verdict_on_path(MKDIR, path);
  return end > 0 ? refuse(end) : real(path, mode);
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  int end = verdict_on_path(UNLINK, path);
  return end > 0 ? refuse(end) : real(path);
}
