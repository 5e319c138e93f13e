/* nitro-cli's sign of life: connect to port 9000 of the parent, write 0xB7, read it back. It proves nothing else. */
#include "init.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum { PORT = 9000, BEAT = 0xB7, SECONDS = 20 };

void heartbeat(uint32_t cid) {
  struct sockaddr_vm address;
  const struct timeval limit = {.tv_sec = SECONDS};
  unsigned char beat = BEAT;
  memset(&address, 0, sizeof address);
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = PORT;
  int stream = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (stream < 0) refuse("HEARTBEAT_MISSING", "no vsock: %s", strerror(errno));
  setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(stream, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(stream, (struct sockaddr *)&address, sizeof address) < 0)
    refuse("HEARTBEAT_MISSING", "CID %u port %d: %s", cid, PORT, strerror(errno));
  if (write(stream, &beat, 1) != 1) refuse("HEARTBEAT_MISSING", "cannot be sent: %s", strerror(errno));
  beat = 0;
  if (read(stream, &beat, 1) != 1) refuse("HEARTBEAT_MISSING", "was not answered");
  if (beat != BEAT) refuse("HEARTBEAT_MISSING", "was answered with 0x%02x", beat);
  close(stream);
}
