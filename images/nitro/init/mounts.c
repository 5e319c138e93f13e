/* The folders that the kernel makes, and a root that nobody can write to afterwards. */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCKED (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static void mount_at(const char *type, const char *path, unsigned long flags, const char *options) {
  if (mkdir(path, 0555) < 0 && errno != EEXIST) refuse("INIT_SYSTEM", "%s: %s", path, strerror(errno));
  if (mount(type, path, type, flags, options) < 0) refuse("INIT_SYSTEM", "%s: %s", path, strerror(errno));
}

/* The console first, so that a refusal is heard. */
void mount_all(void) {
  mkdir("/dev", 0755);
  mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755");
  int console = open("/dev/console", O_RDWR | O_NOCTTY);
  if (console >= 0) {
    for (int stream = 0; stream <= 2; stream++) dup2(console, stream);
    if (console > 2) close(console);
  }
  mount_at("proc", "/proc", LOCKED, "hidepid=2");
  mount_at("sysfs", "/sys", LOCKED | MS_RDONLY, NULL);
}

/* Code is read-only from here on: what runs is what was measured. */
void seal_root(void) {
  if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
    refuse("INIT_SYSTEM", "the root cannot be made read-only: %s", strerror(errno));
}
