/* Runs a program, or makes one system call, behind the filter of the enclave's init. */
#include "../../images/nitro/init/init.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  confine();
  if (strcmp(argv[1], "call") == 0) {
    const long got = syscall(atol(argv[2]), -1L, 0L, 0L, 0L, 0L, 0L);
    printf("%ld %d\n", got, got < 0 ? errno : 0);
    return 0;
  }
  execv(argv[2], argv + 2);
  return 3;
}
