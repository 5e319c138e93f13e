#include "stream.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "addon.h"
#include "address.h"
#include "callback.h"

namespace assay {

namespace {

// Reads in one turn of the loop before others get theirs: 4 * 64 KiB.
constexpr int kReadsPerTurn = 4;
// Chunks in one call; the rest follows in the next. The kernel's limit is 1024.
constexpr size_t kGather = 64;
// Bytes in one sendmsg. A vsock packet of more than 32 KiB is no longer one piece of memory (Linux
// virtio_vsock_alloc_skb), and devices that expect one, vhost-device-vsock 0.3 among them, lose the rest of it.
constexpr size_t kSend = 28 * 1024;

Napi::Value Number(Napi::Env env, long value) { return Napi::Number::New(env, static_cast<double>(value)); }

// At most kSend bytes of the parts: how many the socket took, or a negative errno.
ssize_t SendSome(int fd, const iovec* parts, size_t count) {
  std::array<iovec, kGather> some;
  size_t used = 0;
  for (size_t room = kSend; used < count && room > 0; used++) {
    some[used] = {parts[used].iov_base, std::min(parts[used].iov_len, room)};
    room -= some[used].iov_len;
  }
  msghdr message{};
  message.msg_iov = some.data();
  message.msg_iovlen = used;
  ssize_t sent;
  do {
    sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

}  // namespace

Napi::Function Stream::Define(Napi::Env env) {
  return DefineClass(env, "Stream",
                     {InstanceMethod<&Stream::Start>("start"),
                      InstanceMethod<&Stream::FinishConnect>("finishConnect"),
                      InstanceMethod<&Stream::ReadStart>("readStart"),
                      InstanceMethod<&Stream::ReadStop>("readStop"),
                      InstanceMethod<&Stream::AwaitWritable>("awaitWritable"),
                      InstanceMethod<&Stream::Write>("write"),
                      InstanceMethod<&Stream::Shutdown>("shutdown"),
                      InstanceMethod<&Stream::Close>("close"),
                      InstanceMethod<&Stream::IsConnecting>("isConnecting")});
}

// The class is not exported, so only Wrap calls this: JavaScript cannot make a stream of a descriptor of its choice.
Stream::Stream(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Stream>(info) {
  addon_ = info.Env().GetInstanceData<AddonData>();
}

Stream::~Stream() { Release(); }

Napi::Value Stream::Wrap(Napi::Env env, int fd, bool connecting, int* error) {
  auto* addon = env.GetInstanceData<AddonData>();
  const Napi::Object object = addon->stream.New({});
  // Fails only while a worker is being terminated.
  if (object.IsEmpty()) {
    close(fd);
    *error = -ECANCELED;
    return {};
  }
  Stream* stream = Unwrap(object);
  Poller* poller = nullptr;
  *error = Poller::Open(addon->pollers, fd, stream, &poller);
  if (*error != 0) return {};
  stream->poller_ = poller;
  stream->connecting_ = connecting;
  stream->context_ = std::make_unique<Napi::AsyncContext>(env, "assay.stream", object);
  // An open descriptor keeps its object: it is Close, not the garbage collector, that ends a connection.
  stream->Ref();
  return object;
}

Napi::Value Stream::Connect(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Address address;
  int error = ReadAddress(info[0], info[1], &address);
  if (error != 0) return Number(env, error);
  const int fd = OpenSocket(address);
  if (fd < 0) return Number(env, fd);
  int result;
  do {
    result = connect(fd, &address.name.base, address.length);
  } while (result != 0 && errno == EINTR);
  // A full backlog is EAGAIN on AF_UNIX: nothing is in progress then, and the caller tries again.
  const bool connecting = result != 0 && errno == EINPROGRESS;
  if (result != 0 && !connecting) {
    error = -errno;
    close(fd);
    return Number(env, error);
  }
  const Napi::Value stream = Wrap(env, fd, connecting, &error);
  return error != 0 ? Number(env, error) : stream;
}

Napi::Value Stream::Start(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Number(info.Env(), -EBADF);
  on_read_ = Napi::Persistent(info[0].As<Napi::Function>());
  on_writable_ = Napi::Persistent(info[1].As<Napi::Function>());
  return Number(info.Env(), 0);
}

Napi::Value Stream::IsConnecting(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), connecting_);
}

Napi::Value Stream::FinishConnect(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Number(info.Env(), -EBADF);
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(poller_->fd(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  connecting_ = false;
  return Number(info.Env(), -error);
}

int Stream::Rewatch() {
  if (poller_ == nullptr) return -EBADF;
  return poller_->Watch((reading_ ? UV_READABLE : 0) | (writing_ ? UV_WRITABLE : 0));
}

Napi::Value Stream::ReadStart(const Napi::CallbackInfo& info) {
  reading_ = true;
  return Number(info.Env(), Rewatch());
}

Napi::Value Stream::ReadStop(const Napi::CallbackInfo& info) {
  reading_ = false;
  return Number(info.Env(), Rewatch());
}

Napi::Value Stream::AwaitWritable(const Napi::CallbackInfo& info) {
  writing_ = true;
  return Number(info.Env(), Rewatch());
}

// write(chunks: Uint8Array[], offset): bytes sent from `offset` of the first chunk on; 0 when the socket is full.
Napi::Value Stream::Write(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (poller_ == nullptr) return Number(env, -EBADF);
  const Napi::Array chunks = info[0].As<Napi::Array>();
  size_t skip = info[1].As<Napi::Number>().Uint32Value();
  std::array<iovec, kGather> parts;
  const size_t count = std::min<size_t>(chunks.Length(), kGather);
  for (size_t i = 0; i < count; i++) {
    auto chunk = chunks.Get(static_cast<uint32_t>(i)).As<Napi::Uint8Array>();
    if (skip > chunk.ByteLength()) return Number(env, -EINVAL);
    parts[i] = {chunk.Data() + skip, chunk.ByteLength() - skip};
    skip = 0;
  }
  iovec* at = parts.data();
  iovec* const end = at + count;
  size_t total = 0;
  while (at != end) {
    const ssize_t sent = SendSome(poller_->fd(), at, static_cast<size_t>(end - at));
    if (sent == -EAGAIN) break;
    // What was sent is said first; the next call meets the error again.
    if (sent < 0) return Number(env, total > 0 ? static_cast<long>(total) : sent);
    total += static_cast<size_t>(sent);
    size_t left = static_cast<size_t>(sent);
    while (at != end && left >= at->iov_len) left -= (at++)->iov_len;
    if (at == end) break;
    at->iov_base = static_cast<uint8_t*>(at->iov_base) + left;
    at->iov_len -= left;
  }
  return Number(env, static_cast<long>(total));
}

Napi::Value Stream::Shutdown(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Number(info.Env(), -EBADF);
  return Number(info.Env(), shutdown(poller_->fd(), SHUT_WR) == 0 ? 0 : -errno);
}

Napi::Value Stream::Close(const Napi::CallbackInfo& info) {
  if (poller_ != nullptr) {
    Release();
    Unref();
  }
  return info.Env().Undefined();
}

void Stream::Release() {
  if (poller_ != nullptr) std::exchange(poller_, nullptr)->Close();
  reading_ = writing_ = false;
  // These hold the JavaScript stream, which holds this object.
  on_read_.Reset();
  on_writable_.Reset();
}

// The environment is ending and runs no more JavaScript; its references go with it.
void Stream::OnPollerGone() { poller_ = nullptr; }

void Stream::OnPoll(int events) {
  const Napi::HandleScope scope(Env());
  [[maybe_unused]] const Napi::Object self = Value();  // Keeps this object while JavaScript may close it.
  if ((events & UV_WRITABLE) != 0 && writing_) {
    writing_ = false;
    napi_value undefined = nullptr;
    if (napi_get_undefined(Env(), &undefined) != napi_ok) return;
    CallFromLoop(Env(), *context_, Value(), on_writable_, {undefined});
  }
  if ((events & UV_READABLE) != 0 && poller_ != nullptr && reading_) ReadSome();
  if (poller_ != nullptr) Rewatch();
}

// Gives JavaScript a Buffer for bytes, null for the end of the stream, a negative errno for a broken connection.
void Stream::ReadSome() {
  for (int turn = 0; turn < kReadsPerTurn && poller_ != nullptr && reading_; turn++) {
    const Napi::HandleScope scope(Env());
    ssize_t count;
    do {
      count = recv(poller_->fd(), addon_->received.data(), addon_->received.size(), MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    napi_value argument = nullptr;
    napi_status status;
    if (count > 0) {
      const auto length = static_cast<size_t>(count);
      status = napi_create_buffer_copy(Env(), length, addon_->received.data(), nullptr, &argument);
    } else {
      reading_ = false;
      status = count == 0 ? napi_get_null(Env(), &argument) : napi_create_int32(Env(), -errno, &argument);
    }
    // Fails only while a worker is being terminated: the connection dies with it.
    if (status != napi_ok) return;
    CallFromLoop(Env(), *context_, Value(), on_read_, {argument});
    // A short read means that the socket is empty; asking again would only cost a system call.
    if (count < static_cast<ssize_t>(addon_->received.size())) return;
  }
}

}  // namespace assay
