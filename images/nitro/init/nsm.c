/*
 * The Nitro Secure Module. init keeps for the evaluator one register that can still be extended, PCR16 for its
 * configuration, and locks 17 to 31 before any other program runs. Then the device is the evaluator's alone.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define DEVICE "/dev/nsm"

/* linux/nsm.h, which the compiler's own headers may be too old to have. */
struct nsm_raw {
  struct iovec request;
  struct iovec response;
};
#define NSM_IOCTL_RAW _IOWR(0x0A, 0x0, struct nsm_raw)

enum { FIRST_LOCKED = 17, REGISTERS = 32 };

static int device = -1;

size_t nsm_request(const uint8_t *request, size_t length, uint8_t *answer, size_t size) {
  struct nsm_raw raw = {
      .request = {.iov_base = (void *)(uintptr_t)request, .iov_len = length},
      .response = {.iov_base = answer, .iov_len = size},
  };
  if (ioctl(device, NSM_IOCTL_RAW, &raw) < 0) refuse("NSM_MISSING", "no answer: %s", strerror(errno));
  return raw.response.iov_len;
}

/* {"LockPCR": {"index": n}}, answered by the text "LockPCR". */
static void lock_register(uint8_t index) {
  static const uint8_t wanted[] = {0x67, 'L', 'o', 'c', 'k', 'P', 'C', 'R'};
  const uint8_t request[] = {0xa1, 0x67, 'L', 'o', 'c', 'k', 'P', 'C', 'R', 0xa1,
                             0x65, 'i',  'n', 'd', 'e', 'x', 0x18, index};
  const size_t head = sizeof request - 2;
  uint8_t small[sizeof request], answer[256];
  memcpy(small, request, sizeof request);
  size_t length = sizeof request;
  if (index < 24) {
    small[head] = index;
    length = head + 1;
  }
  const size_t got = nsm_request(small, length, answer, sizeof answer);
  if (got != sizeof wanted || memcmp(answer, wanted, sizeof wanted) != 0)
    refuse("PCRS_NOT_LOCKED", "register %u", index);
}

void open_nsm(uid_t owner) {
  device = open(DEVICE, O_RDWR | O_CLOEXEC);
  if (device < 0) refuse("NSM_MISSING", DEVICE ": %s", strerror(errno));
  for (uint8_t index = FIRST_LOCKED; index < REGISTERS; index++) lock_register(index);
  if (chown(DEVICE, owner, owner) < 0 || chmod(DEVICE, 0600) < 0)
    refuse("NSM_MISSING", DEVICE " cannot be given away: %s", strerror(errno));
}
