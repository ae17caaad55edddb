{
  # The release build. CMakeLists.txt is the developer's and lists the same sources, defines and
  # standard: test/house/build-lists.test.ts.
  "targets": [
    {
      "target_name": "pollport",
      "sources": [
        "native/addon.cc",
        "native/binding/clock.cc",
        "native/binding/environment.cc",
        "native/binding/exchange.cc",
        "native/binding/layout.cc",
        "native/binding/loop_watch.cc",
        "native/binding/socket.cc",
        "native/binding/waker.cc",
        "native/contract/address.cc",
        "native/contract/waker.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      # The last one: in a worker that is being terminated nothing can be thrown, and node-addon-api
      # would end the process over it.
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "native/binding/descriptor.cc",
            "native/binding/epoll.cc",
            "native/linux/address.cc",
            "native/linux/clock.cc",
            "native/linux/datagrams.cc",
            "native/linux/descriptor.cc",
            "native/linux/epoll.cc",
            "native/linux/exchange.cc",
            "native/linux/io_uring.cc",
            "native/linux/listeners.cc",
            "native/linux/loop_watch.cc",
            "native/linux/multicast.cc",
            "native/linux/node_loop.cc",
            "native/linux/send_batch.cc",
            "native/linux/socket.cc",
            "native/linux/streams.cc",
            "native/linux/system.cc",
            "native/linux/waker.cc",
            "native/linux/watch_table.cc"
          ],
          # -O3 makes the binary a third larger and nothing quicker: the time is the kernel's.
          "cflags!": ["-O3"],
          "cflags": ["-O2"],
          "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
          "cflags_cc": ["-std=c++20", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra"],
          "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections"]
        }],
        ["OS=='win'", {
          "sources": [
            "native/binding/iocp.cc",
            "native/binding/overlapped.cc",
            "native/windows/address.cc",
            "native/windows/clock.cc",
            "native/windows/datagrams.cc",
            "native/windows/event_post.cc",
            "native/windows/exchange.cc",
            "native/windows/extensions.cc",
            "native/windows/handles.cc",
            "native/windows/iocp.cc",
            "native/windows/listeners.cc",
            "native/windows/loop_watch.cc",
            "native/windows/multicast.cc",
            "native/windows/operations.cc",
            "native/windows/overlapped_pool.cc",
            "native/windows/socket.cc",
            "native/windows/status.cc",
            "native/windows/streams.cc",
            "native/windows/system.cc",
            "native/windows/waker.cc",
            "native/windows/watch_table.cc"
          ],
          "libraries": ["-lws2_32", "-lmswsock", "-liphlpapi", "-lwinmm"],
          "msvs_settings": {
            "VCCLCompilerTool": {
              "AdditionalOptions": ["/std:c++20", "/permissive-", "/Zc:__cplusplus", "/utf-8"],
              "ExceptionHandling": 0,
              "RuntimeTypeInfo": "false",
              "WarningLevel": 4
            }
          }
        }]
      ]
    }
  ]
}
