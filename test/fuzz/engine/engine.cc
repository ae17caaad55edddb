// libFuzzer behind one function for JavaScript: it makes inputs, and keeps those that moved a
// counter that none moved before. Refuses to know what is fuzzed, and who counts.
#include <napi.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

// What compiler-rt's libclang_rt.fuzzer_no_main offers to whoever brings code that clang did not
// instrument (LLVM, "libFuzzer", "Using libFuzzer as a library", and "SanitizerCoverage").
extern "C" {
int LLVMFuzzerRunDriver(int* argc, char*** argv, int (*callback)(const uint8_t* data, size_t size));
void __sanitizer_cov_8bit_counters_init(uint8_t* start, uint8_t* end);
void __sanitizer_cov_pcs_init(const uintptr_t* start, const uintptr_t* end);
}

namespace {

// libFuzzer's callback takes no context, and a process fuzzes one target.
const Napi::CallbackInfo* current = nullptr;

int run_one(const uint8_t* data, size_t size) {
  const Napi::HandleScope scope(current->Env());
  const auto target = (*current)[2].As<Napi::Function>();
  const Napi::Value promise_held =
      target.Call({Napi::Buffer<uint8_t>::Copy(current->Env(), data, size)});
  // An abort is what libFuzzer takes for a finding: it writes the input into a file and ends the
  // process.
  if (current->Env().IsExceptionPending() || !promise_held.ToBoolean()) std::abort();
  return 0;
}

// fuzz(arguments, counters, target): does not return; libFuzzer ends the process. The first
// argument is the command by which it may start this process again.
void fuzz(const Napi::CallbackInfo& info) {
  current = &info;
  auto counters = info[1].As<Napi::Uint8Array>();
  __sanitizer_cov_8bit_counters_init(counters.Data(), counters.Data() + counters.ByteLength());
  // It wants an address for each counter, to name what is new. Ours have none: they are numbered.
  std::vector<std::array<uintptr_t, 2>> places(counters.ByteLength());
  for (size_t i = 0; i < places.size(); i++) places[i] = {i + 1, 0};
  __sanitizer_cov_pcs_init(places.data()->data(), places.data()->data() + 2 * places.size());

  const auto given = info[0].As<Napi::Array>();
  std::vector<std::string> words;
  for (uint32_t i = 0; i < given.Length(); i++) words.push_back(given.Get(i).ToString());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  auto count = static_cast<int>(words.size());
  char** arguments = pointers.data();
  LLVMFuzzerRunDriver(&count, &arguments, run_one);
}

Napi::Object begin(Napi::Env env, Napi::Object exports) {
  exports.Set("fuzz", Napi::Function::New(env, fuzz, "fuzz"));
  return exports;
}

}  // namespace

NODE_API_MODULE(engine, begin)
