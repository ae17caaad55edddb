// Descriptors as functions on `exports`. Part of what Linux's build exports.
#pragma once

#include <napi.h>

namespace pollport {

void export_descriptor(Napi::Env env, Napi::Object exports);

}  // namespace pollport
