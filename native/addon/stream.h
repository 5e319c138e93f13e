// A connected (or connecting) stream socket as JavaScript sees it. It holds no bytes: what it reads goes straight to
// JavaScript, what it cannot write stays there. Methods return a count or a negative errno, never throw.
#pragma once

#include <napi.h>

#include <memory>

#include "poller.h"

namespace assay {

struct AddonData;

class Stream final : public Napi::ObjectWrap<Stream>, public PollListener {
 public:
  static Napi::Function Define(Napi::Env env);
  // Takes over `fd`; an empty value and *error set if that fails.
  static Napi::Value Wrap(Napi::Env env, int fd, bool connecting, int* error);
  // JavaScript `connect(target, port)`: a Stream or a negative errno.
  static Napi::Value Connect(const Napi::CallbackInfo& info);

  explicit Stream(const Napi::CallbackInfo& info);
  ~Stream() override;

  void OnPoll(int events) override;
  void OnPollerGone() override;

 private:
  Napi::Value Start(const Napi::CallbackInfo& info);
  Napi::Value FinishConnect(const Napi::CallbackInfo& info);
  Napi::Value ReadStart(const Napi::CallbackInfo& info);
  Napi::Value ReadStop(const Napi::CallbackInfo& info);
  Napi::Value AwaitWritable(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value Shutdown(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value IsConnecting(const Napi::CallbackInfo& info);

  void ReadSome();
  void Release();
  int Rewatch();

  AddonData* addon_ = nullptr;
  Poller* poller_ = nullptr;
  std::unique_ptr<Napi::AsyncContext> context_;
  Napi::FunctionReference on_read_;
  Napi::FunctionReference on_writable_;
  bool connecting_ = false;
  bool reading_ = false;
  bool writing_ = false;
};

}  // namespace assay
