// NtQuerySystemInformation: GetProcessHandleCount() counts only processes that were opened, and
// answers 0 under Wine.

#include "handles.h"

#include <cstring>
#include <memory>

#include "win.h"

namespace pollport {
namespace {

// SystemHandleInformation and what it writes: a count, then a record for each handle of the system.
// Not in the headers of applications.
constexpr int kSystemHandleInformation = 16;
constexpr LONG kInfoLengthMismatch = static_cast<LONG>(0xC0000004);
constexpr ULONG kFirstBytes = 1 << 16;
constexpr ULONG kMostBytes = 1 << 28;

struct HandleRecord {
  ULONG process;
  UCHAR type;
  UCHAR flags;
  USHORT handle;
  void* object;
  ULONG access;
};
static_assert(sizeof(HandleRecord) == 24);

using QuerySystemInformation = LONG(NTAPI*)(int, void*, ULONG, ULONG*);

}  // namespace

Result count_handles(uint32_t process) {
  // Safe: ntdll exports the function with this signature; going through void* is what
  // GetProcAddress asks for.
  const auto query = reinterpret_cast<QuerySystemInformation>(reinterpret_cast<void*>(
      GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQuerySystemInformation")));
  if (query == nullptr) return -static_cast<Result>(ERROR_NOT_SUPPORTED);
  for (ULONG size = kFirstBytes; size <= kMostBytes; size *= 2) {
    const auto memory = std::make_unique<uint8_t[]>(size);
    ULONG needed = 0;
    const LONG status = query(kSystemHandleInformation, memory.get(), size, &needed);
    if (status == kInfoLengthMismatch) continue;
    if (status < 0) return -static_cast<Result>(ERROR_NOT_SUPPORTED);
    ULONG all = 0;
    std::memcpy(&all, memory.get(), sizeof all);
    Result count = 0;
    for (ULONG i = 0; i < all; i++) {
      HandleRecord record{};
      std::memcpy(&record, memory.get() + sizeof(void*) + i * sizeof record, sizeof record);
      if (record.process == process) count++;
    }
    return count;
  }
  return -static_cast<Result>(ERROR_NOT_ENOUGH_MEMORY);
}

}  // namespace pollport
