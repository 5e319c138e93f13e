{
  # The addon that gives Node what it cannot do itself: AF_VSOCK sockets and the Nitro Security Module's ioctl.
  # Built offline against the headers inside the locked Node package: `make native`.
  'targets': [{
    'target_name': 'assay',
    'sources': ['addon.cc', 'address.cc', 'listener.cc', 'nsm.cc', 'poller.cc', 'stream.cc'],
    'defines': [
      'NAPI_VERSION=8',
      'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
      'NODE_ADDON_API_DISABLE_DEPRECATED',
      # A worker that is being terminated refuses every call, and must not take the process with it.
      'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    ],
    'cflags_cc!': ['-std=gnu++20', '-std=gnu++17'],
    'cflags_cc': [
      '-std=c++17', '-fno-exceptions', '-fno-rtti',
      # As a system header, so that our warnings judge our code only. The path is seen from build/.
      '-isystem', '../../../node_modules/node-addon-api',
      '-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wconversion-null', '-Wformat=2', '-Wvla',
      '-O2', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2', '-D_GLIBCXX_ASSERTIONS',
      '-fstack-protector-strong', '-fstack-clash-protection', '-fvisibility=hidden',
    ],
    # The addon is part of the measured program, so two builds must give the same bytes: no symbols, no build id.
    'ldflags': ['-Wl,-z,relro,-z,now', '-Wl,-z,noexecstack', '-Wl,--build-id=none', '-s'],
    'conditions': [
      ['target_arch=="x64"', { 'cflags_cc': ['-fcf-protection=full'] }],
      ['target_arch=="arm64"', { 'cflags_cc': ['-mbranch-protection=standard'] }],
    ],
  }],
}
