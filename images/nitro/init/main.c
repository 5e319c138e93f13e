/* The order of the steps; each has a file of its own. */
#include "init.h"

#include <signal.h>
#include <unistd.h>

int main(void) {
  struct settings settings;
  sigset_t all;
  if (getpid() != 1) return 1;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  mount_all();
  read_settings("/init.conf", &settings);
  check_cmdline(settings.cmdline);
  check_memory(settings.memory_mib);
  loopback_up();
  /* The hypervisor's side waits for this before it calls the enclave started. */
  heartbeat(settings.parent_cid);
  check_clock(settings.clock_source);
  open_nsm(settings.uid);
  credit_entropy();
  seal_root();
  run(&settings);
}
