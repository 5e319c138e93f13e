// One file descriptor watched on the event loop of the environment that owns it, and the set of all of them, so that
// an environment that ends (a worker that is terminated, too) closes every one before its loop goes away.
#pragma once

#include <node_api.h>
#include <uv.h>

#include <memory>

namespace assay {

class Poller;

// All pollers of one environment. Outlives the environment's JavaScript: libuv calls back after it is gone.
class PollerSet {
 public:
  static std::shared_ptr<PollerSet> Create(napi_env env);

  uv_loop_t* loop() const { return loop_; }
  // True once the environment is being torn down: nothing new may be opened.
  bool closing() const { return closing_; }

 private:
  friend class Poller;
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* data);
  void Forget();

  uv_loop_t* loop_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  Poller* first_ = nullptr;
  // Keeps this alive until the environment's cleanup hook has run and every handle is closed.
  std::shared_ptr<PollerSet> self_;
  unsigned open_ = 0;
  bool closing_ = false;
};

// What hears about the descriptor. Events: UV_READABLE, UV_WRITABLE; an error condition is reported as both, because
// the system call that follows tells which error it is.
class PollListener {
 public:
  virtual void OnPoll(int events) = 0;
  // The environment ends; the poller closes itself and must not be used again.
  virtual void OnPollerGone() = 0;

 protected:
  ~PollListener() = default;
};

// Owns the descriptor from a successful Open on. Lives on the heap until libuv has let go of the handle.
class Poller {
 public:
  // Takes over `fd` in every case: on failure it is closed, and a negative errno is returned.
  static int Open(const std::shared_ptr<PollerSet>& set, int fd, PollListener* listener, Poller** out);

  int fd() const { return fd_; }
  // Watches exactly these events from now on; 0 stops. Returns 0 or a negative errno.
  int Watch(int events);
  // Stops watching, closes the descriptor at once and frees the poller when libuv permits.
  void Close();

 private:
  friend class PollerSet;
  static void OnEvent(uv_poll_t* handle, int status, int events);
  static void OnClosed(uv_handle_t* handle);

  uv_poll_t handle_{};
  std::shared_ptr<PollerSet> set_;
  PollListener* listener_ = nullptr;
  Poller* next_ = nullptr;
  Poller** link_ = nullptr;
  int fd_ = -1;
  int watched_ = 0;
};

}  // namespace assay
