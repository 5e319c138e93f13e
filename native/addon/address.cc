#include "address.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

namespace assay {

int ReadAddress(const Napi::Value& target, const Napi::Value& port, Address* out) {
  std::memset(&out->name, 0, sizeof(out->name));
  if (target.IsString()) {
    const std::string path = target.As<Napi::String>().Utf8Value();
    // A leading NUL would be an abstract name: those have no owner and no mode, so we do not use them.
    if (path.empty() || path.find('\0') != std::string::npos) return -EINVAL;
    if (path.size() >= sizeof(out->name.local.sun_path)) return -ENAMETOOLONG;
    out->name.local.sun_family = AF_UNIX;
    std::memcpy(out->name.local.sun_path, path.data(), path.size());
    out->length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return 0;
  }
  if (!target.IsNumber() || !port.IsNumber()) return -EINVAL;
  out->name.vsock.svm_family = AF_VSOCK;
  out->name.vsock.svm_cid = target.As<Napi::Number>().Uint32Value();
  out->name.vsock.svm_port = port.As<Napi::Number>().Uint32Value();
  out->length = sizeof(out->name.vsock);
  return 0;
}

int OpenSocket(const Address& address) {
  const int fd = socket(address.name.base.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
}

}  // namespace assay
