// The bridge between Node and the two things of Linux that Node cannot reach. It is not an API: native/*.ts is.
#include "addon.h"

#include "listener.h"
#include "nsm.h"
#include "stream.h"

namespace assay {

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* addon = new AddonData();
  addon->pollers = PollerSet::Create(env);
  if (addon->pollers == nullptr) {
    delete addon;
    Napi::Error::New(env, "no event loop").ThrowAsJavaScriptException();
    return exports;
  }
  addon->stream = Napi::Persistent(Stream::Define(env));
  addon->listener = Napi::Persistent(Listener::Define(env));
  addon->nsm = Napi::Persistent(Nsm::Define(env));
  env.SetInstanceData(addon);  // Deleted with the environment.
  exports.Set("connect", Napi::Function::New<Stream::Connect>(env, "connect"));
  exports.Set("listen", Napi::Function::New<Listener::Listen>(env, "listen"));
  exports.Set("openNsm", Napi::Function::New<Nsm::Open>(env, "openNsm"));
  return exports;
}

NODE_API_MODULE(assay, Init)

}  // namespace assay
