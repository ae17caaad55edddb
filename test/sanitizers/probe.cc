// Faults on purpose, one function each, so that a run under a sanitizer shows what its net catches;
// and LeakSanitizer's check for processes that are ended by a signal. Built beside the addon and
// with the same options. Refuses to know pollport.

#include <node_api.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <memory>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace {

// What the compiler cannot see through, so that it keeps the fault.
volatile size_t five = 5;
int shared = 0;

napi_value leak(napi_env, napi_callback_info) {
  static_cast<void>(std::make_unique<uint8_t[]>(1000 * five).release());
  return nullptr;
}

napi_value overflow(napi_env, napi_callback_info) {
  const auto bytes = std::make_unique<volatile uint8_t[]>(five);
  bytes[five] = 1;
  return nullptr;
}

napi_value use_after_free(napi_env, napi_callback_info) {
  auto bytes = std::make_unique<volatile uint8_t[]>(five);
  volatile uint8_t* const gone = bytes.get();
  bytes.reset();
  gone[1] = 1;
  return nullptr;
}

napi_value undefined_behaviour(napi_env, napi_callback_info) {
  volatile int largest = INT_MAX;
  largest = largest + static_cast<int>(five);
  return nullptr;
}

void* add_many(void*) {
  for (int i = 0; i < 1000; i++) shared++;
  return nullptr;
}

napi_value race(napi_env, napi_callback_info) {
  pthread_t one{};
  pthread_t other{};
  if (pthread_create(&one, nullptr, add_many, nullptr) != 0) return nullptr;
  if (pthread_create(&other, nullptr, add_many, nullptr) == 0) pthread_join(other, nullptr);
  pthread_join(one, nullptr);
  return nullptr;
}

// Waits for another thread to come to the same place, but not for ever. Relaxed: it puts nothing of
// one thread before anything of the other.
void meet(std::atomic<int>& arrived) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  arrived.fetch_add(1, std::memory_order_relaxed);
  while (arrived.load(std::memory_order_relaxed) < 2 && std::chrono::steady_clock::now() < end) {
  }
}

// A race only with the same call in another JavaScript thread. They meet before and after: on a
// busy machine the one would be done before the other began, and Node's locks in between would put
// the two in order.
napi_value race_with_others(napi_env, napi_callback_info) {
  static std::atomic<int> begun{0};
  static std::atomic<int> done{0};
  meet(begun);
  add_many(nullptr);
  meet(done);
  return nullptr;
}

// Node runs it inside of the collection of an object, where nothing may be made.
void make_an_object(node_api_nogc_env env, void*, void*) {
  napi_value made = nullptr;
  // Safe: a wrong cast is the fault that is wanted; the checked Node-API forbids by it what earlier
  // versions only advise against.
  napi_create_object(const_cast<napi_env>(env), &made);
}

napi_value illegal_finalizer(napi_env env, napi_callback_info) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  napi_add_finalizer(env, object, nullptr, make_an_object, nullptr, nullptr);
  return nullptr;
}

// Of this moment: what is lost now is reported, and the process goes on.
napi_value check_leaks(napi_env, napi_callback_info) {
#ifdef __SANITIZE_ADDRESS__
  __lsan_do_recoverable_leak_check();
#endif
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  const auto put = [&](const char* name, napi_callback function) {
    napi_value value = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, exports, name, value);
  };
  put("leak", leak);
  put("overflow", overflow);
  put("useAfterFree", use_after_free);
  put("undefinedBehaviour", undefined_behaviour);
  put("race", race);
  put("raceWithOthers", race_with_others);
  put("illegalFinalizer", illegal_finalizer);
  put("checkLeaks", check_leaks);
  return exports;
}
