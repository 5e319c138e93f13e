/*
 * A machine for the steps of init, in place of the system's calls (ld --wrap): what it does is in the environment.
 *
 *   BEAT     what answers the heartbeat: a byte in hexadecimal, or `end`
 *   NSM      a security module: `locks`, `open` (locks nothing from register 31 on) or `silent`
 *   RANDOM   what the module gives: `good`, `constant` or `short`
 *   CREDIT   `no`: the kernel takes no entropy
 *   RNG      path of what stands for /sys/class/misc/hw_random/rng_available
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/random.h>

struct nsm_raw {
  struct iovec request;
  struct iovec response;
};
#define NSM_IOCTL_RAW _IOWR(0x0A, 0x0, struct nsm_raw)

enum { SEED = 256, LAST_REGISTER = 31 };

int __real_open(const char *path, int flags, ...);
int __real_socket(int family, int type, int protocol);
int __real_connect(int socket, const struct sockaddr *address, socklen_t length);

static const char *setting(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? "" : value;
}

static int is(const char *name, const char *value) {
  return strcmp(setting(name), value) == 0;
}

int __wrap_open(const char *path, int flags, ...) {
  if (strcmp(path, "/dev/nsm") == 0 && *setting("NSM")) return __real_open("/dev/null", flags);
  if (strstr(path, "rng_available") != NULL && *setting("RNG")) return __real_open(setting("RNG"), flags);
  return __real_open(path, flags);
}

int __wrap_chown(const char *path, uid_t owner, gid_t group) {
  (void)path, (void)owner, (void)group;
  return 0;
}

int __wrap_chmod(const char *path, mode_t mode) {
  (void)path, (void)mode;
  return 0;
}

int __wrap_socket(int family, int type, int protocol) {
  int ends[2];
  if (!*setting("BEAT")) return __real_socket(family, type, protocol);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) abort();
  const unsigned char beat = (unsigned char)strtoul(setting("BEAT"), NULL, 16);
  if (is("BEAT", "end")) shutdown(ends[1], SHUT_WR);
  else if (write(ends[1], &beat, 1) != 1) abort();
  return ends[0];
}

int __wrap_connect(int socket, const struct sockaddr *address, socklen_t length) {
  return *setting("BEAT") ? 0 : __real_connect(socket, address, length);
}

static size_t answer(const uint8_t *request, size_t length, uint8_t *out) {
  static const uint8_t locked[] = {0x67, 'L', 'o', 'c', 'k', 'P', 'C', 'R'};
  static const uint8_t refused[] = {0xa1, 0x65, 'E', 'r', 'r', 'o', 'r', 0x68, 'R', 'e', 'a', 'd', 'O', 'n', 'l', 'y'};
  static const uint8_t random[] = {0xa1, 0x69, 'G', 'e', 't', 'R', 'a', 'n', 'd', 'o', 'm', 0xa1,
                                   0x66, 'r',  'a', 'n', 'd', 'o', 'm', 0x59, 0x01, 0x00};
  if (request[0] == 0x69) {
    memcpy(out, random, sizeof random);
    for (int i = 0; i < SEED; i++) out[sizeof random + (size_t)i] = is("RANDOM", "constant") ? 7 : (uint8_t)i;
    return sizeof random + SEED - (is("RANDOM", "short") ? 1 : 0);
  }
  const int refuse = is("NSM", "open") && request[length - 1] >= LAST_REGISTER;
  memcpy(out, refuse ? refused : locked, refuse ? sizeof refused : sizeof locked);
  return refuse ? sizeof refused : sizeof locked;
}

int __wrap_ioctl(int file, unsigned long what, ...) {
  va_list arguments;
  va_start(arguments, what);
  struct nsm_raw *raw = va_arg(arguments, struct nsm_raw *);
  va_end(arguments);
  (void)file;
  if (what == NSM_IOCTL_RAW && *setting("NSM") && !is("NSM", "silent")) {
    raw->response.iov_len = answer(raw->request.iov_base, raw->request.iov_len, raw->response.iov_base);
    return 0;
  }
  if (what == RNDADDENTROPY && !is("CREDIT", "no")) return 0;
  errno = what == RNDADDENTROPY ? EPERM : EIO;
  return -1;
}
