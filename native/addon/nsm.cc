#include "nsm.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "addon.h"

namespace assay {

namespace {

// The interface of Linux' drivers/misc/nsm.c (include/uapi/linux/nsm.h).
struct NsmRaw {
  uint64_t request;
  uint64_t request_length;
  uint64_t response;
  uint64_t response_length;
};
constexpr unsigned long kNsmIoctlRaw = _IOWR(0x0A, 0x0, NsmRaw);
static_assert(sizeof(NsmRaw) == 32 && kNsmIoctlRaw == 0xC0200A00UL);
constexpr size_t kMaxRequest = 0x1000;
constexpr size_t kMaxResponse = 0x3000;

class Worker final : public Napi::AsyncWorker {
 public:
  Worker(const Napi::Function& done, std::shared_ptr<SharedFd> fd, std::vector<uint8_t> request)
      : Napi::AsyncWorker(done, "assay.nsm"),
        fd_(std::move(fd)),
        request_(std::move(request)),
        response_(kMaxResponse) {}

  void Execute() override {
    NsmRaw raw{reinterpret_cast<uintptr_t>(request_.data()), request_.size(),
               reinterpret_cast<uintptr_t>(response_.data()), response_.size()};
    int result;
    do {
      raw.response_length = response_.size();
      result = ioctl(fd_->get(), kNsmIoctlRaw, &raw);
    } while (result != 0 && errno == EINTR);
    error_ = result != 0 ? -errno : raw.response_length > response_.size() ? -EOVERFLOW : 0;
    length_ = error_ == 0 ? static_cast<size_t>(raw.response_length) : 0;
  }

  std::vector<napi_value> GetResult(Napi::Env env) override {
    if (error_ != 0) return {Napi::Number::New(env, error_)};
    return {Napi::Buffer<uint8_t>::Copy(env, response_.data(), length_)};
  }

 private:
  std::shared_ptr<SharedFd> fd_;
  std::vector<uint8_t> request_;
  std::vector<uint8_t> response_;
  size_t length_ = 0;
  int error_ = 0;
};

}  // namespace

SharedFd::~SharedFd() { close(fd_); }

Napi::Function Nsm::Define(Napi::Env env) {
  return DefineClass(env, "Nsm", {InstanceMethod<&Nsm::Request>("request"), InstanceMethod<&Nsm::Close>("close")});
}

Nsm::Nsm(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Nsm>(info) {}

Napi::Value Nsm::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return Napi::Number::New(env, -errno);
  auto shared = std::make_shared<SharedFd>(fd);
  const Napi::Object object = env.GetInstanceData<AddonData>()->nsm.New({});
  if (object.IsEmpty()) return env.Undefined();
  Unwrap(object)->fd_ = std::move(shared);
  return object;
}

Napi::Value Nsm::Request(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bytes = info[0].As<Napi::Uint8Array>();
  if (fd_ == nullptr) return Napi::Number::New(env, -EBADF);
  if (bytes.ByteLength() > kMaxRequest) return Napi::Number::New(env, -EMSGSIZE);
  std::vector<uint8_t> request(bytes.Data(), bytes.Data() + bytes.ByteLength());
  // Deletes itself when it is done.
  auto* worker = new Worker(info[1].As<Napi::Function>(), fd_, std::move(request));
  worker->Queue();
  return Napi::Number::New(env, 0);
}

Napi::Value Nsm::Close(const Napi::CallbackInfo& info) {
  fd_.reset();
  return info.Env().Undefined();
}

}  // namespace assay
