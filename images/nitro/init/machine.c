/* What the parent chose for this machine: command line, memory, clock, network. */
#include "init.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/*
 * The hypervisor appends where its devices are: ` virtio_mmio.device=<size>@<address>:<irq>[:<id>]`. Whatever else
 * follows the measured command line was put there by someone.
 */
static const char *after_device(const char *at) {
  static const char name[] = "virtio_mmio.device=";
  const size_t spaces = strspn(at, " ");
  at += spaces;
  if (spaces > 0 && *at == '\0') return at;
  if (spaces == 0 || strncmp(at, name, sizeof name - 1) != 0) return NULL;
  at += sizeof name - 1;
  const size_t length = strspn(at, "0123456789abcdefKMGx@:");
  return length == 0 ? NULL : at + length;
}

void check_cmdline(const char *measured) {
  static char text[4096];
  const size_t length = strlen(measured);
  read_text("/proc/cmdline", text, sizeof text, "CMDLINE_CHANGED");
  if (strncmp(text, measured, length) != 0)
    refuse("CMDLINE_CHANGED", "the kernel was started with another command line than was measured");
  for (const char *at = text + length; *at != '\0';) {
    const char *next = after_device(at);
    if (next == NULL) refuse("CMDLINE_CHANGED", "after what was measured it goes on with \"%.100s\"", at);
    at = next;
  }
}

void check_memory(uint64_t memory_mib) {
  struct sysinfo info;
  if (sysinfo(&info) < 0) refuse("MEMORY_TOO_SMALL", "the kernel does not say how much there is");
  const uint64_t there = (uint64_t)info.totalram * info.mem_unit >> 20;
  if (there < memory_mib)
    refuse("MEMORY_TOO_SMALL", "%llu MiB where %llu are needed", (unsigned long long)there,
           (unsigned long long)memory_mib);
}

/* A clock that the parent can stop or speed up would let old decisions and policies live on. */
void check_clock(const char *source) {
  char text[64];
  read_text("/sys/devices/system/clocksource/clocksource0/current_clocksource", text, sizeof text,
            "CLOCK_SOURCE_WRONG");
  if (strcmp(text, source) != 0)
    refuse("CLOCK_SOURCE_WRONG", "the kernel keeps time with %s, measured was %s", text, source);
}

void loopback_up(void) {
  struct ifreq request;
  int stream = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (stream < 0 || ioctl(stream, SIOCSIFFLAGS, &request) < 0)
    refuse("INIT_SYSTEM", "%s", strerror(errno));
  close(stream);
}
