// The environment's tables, and what happens to them when the thread ends.

#include "environment.h"

#include <algorithm>

#include "../contract/limits.h"
#include "../contract/socket.h"

namespace pollport {
namespace {

napi_ref weak_reference(Napi::Env env, Napi::Object owner) {
  napi_ref reference = nullptr;
  napi_create_reference(env, owner, 0, &reference);
  return reference;
}

bool is_dead(Napi::Env env, napi_ref reference) {
  napi_value owner = nullptr;
  return reference == nullptr || napi_get_reference_value(env, reference, &owner) != napi_ok ||
         owner == nullptr;
}

}  // namespace

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

void Environment::create(Napi::Env env) {
  // Node calls the finalizer of instance data when the thread ends: naturally, or terminated.
  env.SetInstanceData<Environment>(std::make_unique<Environment>().release());
}

Environment::~Environment() {
  // The last made first: a watch stands on the object it watches. References die with the
  // environment.
  while (!objects_.empty()) objects_.erase(std::prev(objects_.end()));
  for (const auto& [handle, owner] : sockets_) close_socket(handle);
  for (const Handle handle : held_) close_socket(handle);
}

void Environment::own(Napi::Env env, Napi::Object owner, Handle handle) {
  disown(env, handle);
  sockets_.emplace(handle, weak_reference(env, owner));
}

void Environment::disown(Napi::Env env, Handle handle) {
  if (const auto held = std::find(held_.begin(), held_.end(), handle); held != held_.end())
    held_.erase(held);
  const auto found = sockets_.find(handle);
  if (found == sockets_.end()) return;
  napi_delete_reference(env, found->second);
  sockets_.erase(found);
}

int32_t Environment::add(Napi::Env env, Napi::Object owner, std::unique_ptr<Closable> object) {
  const int32_t number = next_number_++;
  objects_.emplace(number, Object{std::move(object), weak_reference(env, owner)});
  return number;
}

void Environment::remove(Napi::Env env, int32_t number) {
  const auto found = objects_.find(number);
  if (found == objects_.end()) return;
  napi_delete_reference(env, found->second.owner);
  objects_.erase(found);
}

int32_t Environment::reap(Napi::Env env) {
  const Napi::HandleScope scope(env);
  int32_t closed = 0;
  for (size_t looked = std::min(kReapStep, objects_.size()); looked > 0; looked--) {
    auto at = objects_.lower_bound(next_object_);
    if (at == objects_.end()) at = objects_.begin();
    if (at == objects_.end()) break;
    const int32_t number = at->first;
    next_object_ = number + 1;
    if (!is_dead(env, at->second.owner)) continue;
    remove(env, number);
    closed++;
  }
  for (size_t looked = std::min(kReapStep, sockets_.size()); looked > 0; looked--) {
    auto at = sockets_.lower_bound(next_socket_);
    if (at == sockets_.end()) at = sockets_.begin();
    if (at == sockets_.end()) break;
    const Handle handle = at->first;
    next_socket_ = handle + 1;
    if (!is_dead(env, at->second)) continue;
    disown(env, handle);
    close_socket(handle);
    closed++;
  }
  return closed;
}

}  // namespace pollport
