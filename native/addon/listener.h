// A listening stream socket. Accepts in batches and hands each connection to JavaScript as a Stream.
#pragma once

#include <napi.h>

#include <memory>

#include "poller.h"

namespace assay {

class Listener final : public Napi::ObjectWrap<Listener>, public PollListener {
 public:
  static Napi::Function Define(Napi::Env env);
  // JavaScript `listen(target, port, backlog)`: a Listener that is bound but accepts nothing yet, or a negative errno.
  static Napi::Value Listen(const Napi::CallbackInfo& info);

  explicit Listener(const Napi::CallbackInfo& info);
  ~Listener() override;

  void OnPoll(int events) override;
  void OnPollerGone() override;

 private:
  Napi::Value Start(const Napi::CallbackInfo& info);
  Napi::Value Accept(const Napi::CallbackInfo& info);
  Napi::Value Port(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  void Release();
  bool AcceptOne();

  Poller* poller_ = nullptr;
  std::unique_ptr<Napi::AsyncContext> context_;
  Napi::FunctionReference on_accept_;
  bool accepting_ = false;
};

}  // namespace assay
