/* What both preloaded libraries need: the call they stand in front of, and the path that a call is about. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(result, name, ...)                                                                                       \
  static result (*real)(__VA_ARGS__);                                                                                 \
  if (real == NULL) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int path_of_fd(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

/* Names below a pinned directory come as /proc/PID/fd/N/name. */
static void resolve(const char *given, char *path) {
  int fd, used = 0;
  if (sscanf(given, "/proc/%*[^/]/fd/%d%n", &fd, &used) == 1 && path_of_fd(fd, path))
    strncat(path, given + used, PATH_MAX - 1 - strlen(path));
  else
    snprintf(path, PATH_MAX, "%s", given);
}
