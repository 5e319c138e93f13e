#include "poller.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace assay {

std::shared_ptr<PollerSet> PollerSet::Create(napi_env env) {
  auto set = std::make_shared<PollerSet>();
  if (napi_get_uv_event_loop(env, &set->loop_) != napi_ok) return nullptr;
  if (napi_add_async_cleanup_hook(env, OnEnvironmentEnd, set.get(), &set->hook_) != napi_ok) return nullptr;
  set->self_ = set;
  return set;
}

// Asynchronous, because Node must run the loop until libuv has called back for each closed handle.
void PollerSet::OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* set = static_cast<PollerSet*>(data);
  set->closing_ = true;
  while (set->first_ != nullptr) {
    Poller* poller = set->first_;
    PollListener* listener = poller->listener_;
    poller->Close();
    listener->OnPollerGone();
  }
  set->Forget();
}

void PollerSet::Forget() {
  if (!closing_ || open_ != 0 || self_ == nullptr) return;
  const std::shared_ptr<PollerSet> last = std::move(self_);
  napi_remove_async_cleanup_hook(hook_);
}

int Poller::Open(const std::shared_ptr<PollerSet>& set, int fd, PollListener* listener, Poller** out) {
  auto* poller = new Poller();
  // UV_HANDLE is registered with the loop only if this succeeds, so on failure there is nothing to uv_close.
  const int status = set->closing() ? -ECANCELED : uv_poll_init(set->loop(), &poller->handle_, fd);
  if (status != 0) {
    delete poller;
    close(fd);
    return status;
  }
  poller->handle_.data = poller;
  poller->set_ = set;
  poller->listener_ = listener;
  poller->fd_ = fd;
  poller->next_ = set->first_;
  poller->link_ = &set->first_;
  if (poller->next_ != nullptr) poller->next_->link_ = &poller->next_;
  set->first_ = poller;
  set->open_ += 1;
  *out = poller;
  return 0;
}

int Poller::Watch(int events) {
  if (events == watched_) return 0;
  watched_ = events;
  return events == 0 ? uv_poll_stop(&handle_) : uv_poll_start(&handle_, events, OnEvent);
}

void Poller::OnEvent(uv_poll_t* handle, int status, int events) {
  auto* poller = static_cast<Poller*>(handle->data);
  // On POLLERR libuv stops the handle and reports EBADF whatever the error is.
  if (status != 0) poller->watched_ = 0;
  poller->listener_->OnPoll(status != 0 ? UV_READABLE | UV_WRITABLE : events);
}

void Poller::Close() {
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  listener_ = nullptr;
  // This order: libuv must drop the descriptor from epoll before its number can be used again.
  uv_poll_stop(&handle_);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_), OnClosed);
  close(fd_);
  fd_ = -1;
}

void Poller::OnClosed(uv_handle_t* handle) {
  auto* poller = static_cast<Poller*>(handle->data);
  const std::shared_ptr<PollerSet> set = poller->set_;
  delete poller;
  set->open_ -= 1;
  set->Forget();
}

}  // namespace assay
