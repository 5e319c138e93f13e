// What one environment (the main thread or a worker) keeps for the addon.
#pragma once

#include <napi.h>

#include <array>
#include <memory>

#include "poller.h"

namespace assay {

struct AddonData {
  std::shared_ptr<PollerSet> pollers;
  Napi::FunctionReference stream;
  Napi::FunctionReference listener;
  Napi::FunctionReference nsm;
  // Where recv() puts bytes before they are copied, at their true size, into a Buffer. Shared by all streams of the
  // environment: a stream that waits owns no memory.
  std::array<char, 65536> received;
};

}  // namespace assay
