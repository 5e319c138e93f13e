// Stands in for the driver of /dev/nsm: preloaded, it answers the one ioctl by the rules of Linux' drivers/misc/nsm.c,
// on whatever file the test opened. The response is the request reversed, so that both lengths and pointers are seen
// to arrive; a first byte of 0xff asks for an error.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

struct raw {
  uint64_t request, request_length, response, response_length;
};

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  struct raw *raw = va_arg(arguments, struct raw *);
  va_end(arguments);
  if (request != 0xC0200A00UL) {
    int (*next)(int, unsigned long, void *) = (int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");
    return next(fd, request, raw);
  }
  const uint8_t *in = (const uint8_t *)(uintptr_t)raw->request;
  uint8_t *out = (uint8_t *)(uintptr_t)raw->response;
  if (raw->request_length > 0x1000 || raw->response_length != 0x3000) {
    errno = EMSGSIZE;
    return -1;
  }
  if (raw->request_length > 0 && in[0] == 0xff) {
    errno = EIO;
    return -1;
  }
  usleep(20000);
  for (uint64_t i = 0; i < raw->request_length; i++) out[i] = in[raw->request_length - 1 - i];
  raw->response_length = raw->request_length;
  return 0;
}
