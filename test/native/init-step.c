/* Runs one step of the enclave's init on this machine, as an ordinary process: a refusal ends it with status 1. */
#include "../../images/nitro/init/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  struct settings settings;
  if (argc < 2) return 2;
  const char *step = argv[1], *argument = argc > 2 ? argv[2] : "";
  if (strcmp(step, "settings") == 0) {
    read_settings(argument, &settings);
    printf("%s|%s|%u|%llu|%u", settings.cmdline, settings.clock_source, settings.parent_cid,
           (unsigned long long)settings.memory_mib, (unsigned)settings.uid);
    for (char **word = settings.arguments; *word != NULL; word++) printf("|%s", *word);
    printf("\n");
  } else if (strcmp(step, "cmdline") == 0) check_cmdline(argument);
  else if (strcmp(step, "memory") == 0) check_memory(strtoull(argument, NULL, 10));
  else if (strcmp(step, "clock") == 0) check_clock(argument);
  else if (strcmp(step, "heartbeat") == 0) heartbeat((uint32_t)strtoul(argument, NULL, 10));
  else if (strcmp(step, "nsm") == 0) open_nsm(1000);
  else if (strcmp(step, "entropy") == 0) credit_entropy();
  else if (strcmp(step, "run") == 0) {
    memset(&settings, 0, sizeof settings);
    run(&settings);
  }
  else return 2;
  return 0;
}
