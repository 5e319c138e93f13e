/*
 * Random numbers from the hardware. The kernel must know the module's generator, and 256 bytes of it are credited
 * before any key is made; an enclave has no other source that the parent does not know too.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <linux/random.h>

#define CODE "ENTROPY_MISSING"

enum { SEED = 256 };

/* "GetRandom", answered by {"GetRandom": {"random": bytes}}. */
static void from_module(uint8_t seed[SEED]) {
  static const uint8_t request[] = {0x69, 'G', 'e', 't', 'R', 'a', 'n', 'd', 'o', 'm'};
  static const uint8_t head[] = {0xa1, 0x69, 'G', 'e', 't', 'R', 'a', 'n', 'd', 'o', 'm', 0xa1,
                                 0x66, 'r',  'a', 'n', 'd', 'o', 'm', 0x59, 0x01, 0x00};
  uint8_t answer[1024];
  const size_t got = nsm_request(request, sizeof request, answer, sizeof answer);
  if (got != sizeof head + SEED || memcmp(answer, head, sizeof head) != 0)
    refuse(CODE, "the module gave no 256 random bytes");
  memcpy(seed, answer + sizeof head, SEED);
  uint8_t any = 0;
  for (size_t i = 1; i < SEED; i++) any |= (uint8_t)(seed[i] ^ seed[0]);
  if (any == 0) refuse(CODE, "the module gave one byte 256 times");
  explicit_bzero(answer, sizeof answer);
}

void credit_entropy(void) {
  struct {
    struct rand_pool_info info;
    uint8_t seed[SEED];
  } pool;
  char current[64];
  read_text("/sys/class/misc/hw_random/rng_available", current, sizeof current, CODE);
  if (strstr(current, "nsm-hwrng") == NULL) refuse(CODE, "the kernel has no generator nsm-hwrng");
  pool.info.entropy_count = SEED * 8;
  pool.info.buf_size = SEED;
  from_module((uint8_t *)pool.info.buf);
  int random = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (random < 0 || ioctl(random, RNDADDENTROPY, &pool) < 0) refuse(CODE, "cannot be credited: %s", strerror(errno));
  close(random);
  explicit_bzero(&pool, sizeof pool);
  uint8_t drawn[32];
  if (getrandom(drawn, sizeof drawn, GRND_NONBLOCK) != (ssize_t)sizeof drawn)
    refuse(CODE, "the kernel's generator is not ready after 256 bytes");
  explicit_bzero(drawn, sizeof drawn);
}
