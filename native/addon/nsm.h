// The Nitro Security Module's device: one raw request, one raw response, off the event loop (a document can take
// seconds, and the driver holds one mutex for all callers).
#pragma once

#include <napi.h>

#include <memory>

namespace assay {

// A descriptor shared by the device object and the request in flight; the last one to let go closes it.
class SharedFd {
 public:
  explicit SharedFd(int fd) : fd_(fd) {}
  ~SharedFd();
  SharedFd(const SharedFd&) = delete;
  SharedFd& operator=(const SharedFd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class Nsm final : public Napi::ObjectWrap<Nsm> {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript `openNsm(path)`: a device or a negative errno.
  static Napi::Value Open(const Napi::CallbackInfo& info);

  explicit Nsm(const Napi::CallbackInfo& info);

 private:
  // request(bytes, done(response or negative errno)): 0 or a negative errno when it did not start.
  Napi::Value Request(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  std::shared_ptr<SharedFd> fd_;
};

}  // namespace assay
