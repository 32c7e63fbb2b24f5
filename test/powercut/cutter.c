/* Takes the power from mounted file systems: for each line "FLAG PATH" on its standard input one FS_IOC_SHUTDOWN, answered
 * by an empty line. Flag 1 still writes the file system's own log out, 2 does not. Until the next mount everything fails. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FS_IOC_SHUTDOWN _IOR('X', 125, unsigned)

int main(void) {
  unsigned flag;
  char path[4096];
  while (scanf("%u %4095[^\n]", &flag, path) == 2) {
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || ioctl(fd, FS_IOC_SHUTDOWN, &flag) != 0) {
      perror(path);
      return 1;
    }
    close(fd);
    puts("");
    fflush(stdout);
  }
  return 0;
}
