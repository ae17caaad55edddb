// What one JavaScript thread owns natively: raw sockets, and the objects behind numbers. Everything
// ends with the thread at the latest. Refuses to rely on finalizers: a thread that never returns to
// Node's loop runs none, so what was dropped is found by asking weak references.
#pragma once

#include <napi.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "../contract/result.h"

namespace pollport {

struct Closable {
  Closable() = default;
  Closable(const Closable&) = delete;
  Closable& operator=(const Closable&) = delete;
  virtual ~Closable() = default;
  // What the object is; each class has one number, so that a wrong number from TypeScript finds
  // nothing instead of a stranger.
  virtual int kind() const = 0;
};

class Environment {
 public:
  static Environment& of(Napi::Env env);
  static void create(Napi::Env env);

  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  // Raw sockets. `owner` is held weakly.
  void own(Napi::Env env, Napi::Object owner, Handle handle);
  void disown(Napi::Env env, Handle handle);
  // A socket on its way to its owner through JavaScript, which may be terminated between any two of
  // its instructions. own() and disown() end it.
  void hold(Handle handle) { held_.push_back(handle); }

  // Objects behind numbers, which are never used twice. `owner` is held weakly.
  int32_t add(Napi::Env env, Napi::Object owner, std::unique_ptr<Closable> object);
  template <typename T>
  T* find(int32_t number) {
    const auto found = objects_.find(number);
    if (found == objects_.end() || found->second.object->kind() != T::kKind) return nullptr;
    return static_cast<T*>(found->second.object.get());
  }
  void remove(Napi::Env env, int32_t number);

  // Closes what lost its owner, looking at a bounded number of owners a call. Returns how many it
  // closed.
  int32_t reap(Napi::Env env);

 private:
  struct Object {
    std::unique_ptr<Closable> object;
    napi_ref owner = nullptr;
  };

  // Ordered, so that a reap goes on where the last one stopped, and so that what was made last ends
  // first.
  std::map<int32_t, Object> objects_;
  std::map<Handle, napi_ref> sockets_;
  // Taken in the order in which they came.
  std::deque<Handle> held_;
  int32_t next_number_ = 1;
  int32_t next_object_ = 0;
  Handle next_socket_ = 0;
};

}  // namespace pollport
