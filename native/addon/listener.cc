#include "listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "addon.h"
#include "address.h"
#include "callback.h"
#include "stream.h"

namespace assay {

namespace {

// Connections accepted in one turn of the loop before others get theirs.
constexpr int kAcceptsPerTurn = 16;

Napi::Value Number(Napi::Env env, double value) { return Napi::Number::New(env, value); }

// A bound, listening socket, or a negative errno.
int OpenListening(const Address& address, int backlog) {
  const int fd = OpenSocket(address);
  if (fd < 0) return fd;
  if (bind(fd, &address.name.base, address.length) == 0 && listen(fd, backlog) == 0) return fd;
  const int error = -errno;
  close(fd);
  return error;
}

}  // namespace

Napi::Function Listener::Define(Napi::Env env) {
  return DefineClass(env, "Listener",
                     {InstanceMethod<&Listener::Start>("start"), InstanceMethod<&Listener::Accept>("accept"),
                      InstanceMethod<&Listener::Port>("port"), InstanceMethod<&Listener::Close>("close")});
}

Listener::Listener(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Listener>(info) {}

Listener::~Listener() { Release(); }

Napi::Value Listener::Listen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Address address;
  int error = ReadAddress(info[0], info[1], &address);
  if (error != 0) return Number(env, error);
  const int fd = OpenListening(address, info[2].As<Napi::Number>().Int32Value());
  if (fd < 0) return Number(env, fd);
  auto* addon = env.GetInstanceData<AddonData>();
  const Napi::Object object = addon->listener.New({});
  if (object.IsEmpty()) {
    close(fd);
    return env.Undefined();
  }
  Listener* listener = Unwrap(object);
  error = Poller::Open(addon->pollers, fd, listener, &listener->poller_);
  if (error != 0) return Number(env, error);
  listener->context_ = std::make_unique<Napi::AsyncContext>(env, "assay.listener", object);
  listener->Ref();
  return object;
}

// start(onAccept(stream or negative errno, cid, port))
Napi::Value Listener::Start(const Napi::CallbackInfo& info) {
  on_accept_ = Napi::Persistent(info[0].As<Napi::Function>());
  return Accept(info);
}

// accept(): goes on accepting after an error such as EMFILE, on which the listener stops itself.
Napi::Value Listener::Accept(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Number(info.Env(), -EBADF);
  accepting_ = true;
  return Number(info.Env(), poller_->Watch(UV_READABLE));
}

// port(): the vsock port, which the kernel chose if it was VMADDR_PORT_ANY; negative errno for other families.
Napi::Value Listener::Port(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Number(info.Env(), -EBADF);
  sockaddr_vm name{};
  socklen_t length = sizeof(name);
  if (getsockname(poller_->fd(), reinterpret_cast<sockaddr*>(&name), &length) != 0) {
    return Number(info.Env(), -errno);
  }
  return Number(info.Env(), name.svm_family == AF_VSOCK ? static_cast<double>(name.svm_port) : -EAFNOSUPPORT);
}

Napi::Value Listener::Close(const Napi::CallbackInfo& info) {
  if (poller_ != nullptr) {
    Release();
    Unref();
  }
  return info.Env().Undefined();
}

void Listener::Release() {
  if (poller_ != nullptr) std::exchange(poller_, nullptr)->Close();
  on_accept_.Reset();
}

void Listener::OnPollerGone() { poller_ = nullptr; }

void Listener::OnPoll(int) {
  const Napi::HandleScope scope(Env());
  [[maybe_unused]] const Napi::Object self = Value();  // Keeps this object while JavaScript may close it.
  for (int i = 0; i < kAcceptsPerTurn && poller_ != nullptr && accepting_; i++) {
    const Napi::HandleScope each(Env());
    if (!AcceptOne()) break;
  }
  if (poller_ != nullptr) poller_->Watch(accepting_ ? UV_READABLE : 0);
}

// False when there is nothing more to accept now.
bool Listener::AcceptOne() {
  sockaddr_vm peer{};
  socklen_t length = sizeof(peer);
  const int fd =
      accept4(poller_->fd(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (errno == EINTR || errno == ECONNABORTED) return true;
    // Out of descriptors or memory: the pending connection stays pending, and watching on would spin.
    accepting_ = false;
    napi_value failed = nullptr;
    if (napi_create_int32(Env(), -errno, &failed) != napi_ok) return false;
    CallFromLoop(Env(), *context_, Value(), on_accept_, {failed});
    return false;
  }
  int error = 0;
  const Napi::Value stream = Stream::Wrap(Env(), fd, false, &error);
  if (error != 0) return false;
  const bool vsock = peer.svm_family == AF_VSOCK;
  napi_value cid = nullptr;
  napi_value port = nullptr;
  if (napi_create_uint32(Env(), vsock ? peer.svm_cid : 0, &cid) != napi_ok) return false;
  if (napi_create_uint32(Env(), vsock ? peer.svm_port : 0, &port) != napi_ok) return false;
  CallFromLoop(Env(), *context_, Value(), on_accept_, {stream, cid, port});
  return true;
}

}  // namespace assay
