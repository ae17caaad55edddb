// What each binding puts on `exports`. addon.cc calls all of them that this build has.
#pragma once

#include <napi.h>

namespace pollport {

void export_clock(Napi::Env env, Napi::Object exports);
void export_socket(Napi::Env env, Napi::Object exports);
void export_waker(Napi::Env env, Napi::Object exports);
void export_loop_watch(Napi::Env env, Napi::Object exports);
void export_exchange(Napi::Env env, Napi::Object exports);
void export_layout(Napi::Env env, Napi::Object exports);
// The raw objects of this build's system: epoll.cc and descriptor.cc on Linux; iocp.cc and
// overlapped.cc on Windows.
void export_system_objects(Napi::Env env, Napi::Object exports);

}  // namespace pollport
