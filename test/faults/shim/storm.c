// Sends a process signals as fast as the system lets it, SIGCONT and SIGWINCH in turns, until
// its own standard input ends. Prints how many.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count < 2) return 2;
  const pid_t target = (pid_t)atol(arguments[1]);
  fcntl(0, F_SETFL, O_NONBLOCK);
  unsigned long sent = 0;
  for (;;) {
    char byte;
    if (sent % 64 == 0 && read(0, &byte, 1) == 0) break;
    if (kill(target, sent % 2 == 0 ? SIGCONT : SIGWINCH) != 0) break;
    sent++;
    // Between two, the process must come to do something: a signal that comes in its
    // predecessor's handler would be all it ever does.
    const struct timespec pause = {0, 50 * 1000};
    nanosleep(&pause, NULL);
  }
  printf("%lu\n", sent);
  return 0;
}
