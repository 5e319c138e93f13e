// Calls into JavaScript from the event loop.
#pragma once

#include <napi.h>

#include <initializer_list>

namespace assay {

// Microtasks run afterwards, and what the callback throws becomes an uncaught exception, as with Node's own handles.
// While a worker is being terminated every call fails, and nobody is left to tell: the failure is dropped.
inline void CallFromLoop(napi_env env, napi_async_context context, napi_value receiver,
                         const Napi::FunctionReference& callback, std::initializer_list<napi_value> arguments) {
  if (callback.IsEmpty()) return;
  napi_value ignored = nullptr;
  const napi_status status = napi_make_callback(env, context, receiver, callback.Value(), arguments.size(),
                                                arguments.begin(), &ignored);
  if (status != napi_pending_exception) return;
  napi_value exception = nullptr;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
}

}  // namespace assay
