// Socket addresses: a path is AF_UNIX, a context id and a port are AF_VSOCK. Everything above this file is the same
// code for both families, which is why the suite over AF_UNIX also tests what AF_VSOCK will run.
#pragma once

#include <napi.h>
#include <sys/socket.h>
#include <sys/un.h>
// linux/vm_sockets.h needs sys/socket.h first.
#include <linux/vm_sockets.h>

#include <cstdint>

namespace assay {

struct Address {
  union {
    sockaddr base;
    sockaddr_un local;
    sockaddr_vm vsock;
  } name;
  socklen_t length;
};

// Reads (path: string, _) or (cid: number, port: number). Returns 0 or a negative errno.
int ReadAddress(const Napi::Value& target, const Napi::Value& port, Address* out);

// A non-blocking, close-on-exec stream socket of that family, or a negative errno.
int OpenSocket(const Address& address);

}  // namespace assay
