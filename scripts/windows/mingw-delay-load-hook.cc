// Node-API's functions come from the program that loads the addon, whatever its file is called:
// node.exe, electron.exe, bun.exe or a renamed one. MSVC builds get node-gyp's hook for that; this
// is MinGW's. Without it Windows looks for a "node.exe" beside the program and on the PATH, and
// runs a second Node or finds none.
#include <windows.h>

#include <delayimp.h>

namespace {

FARPROC WINAPI host_instead_of_node(unsigned event, PDelayLoadInfo info) {
  if (event != dliNotePreLoadLibrary || lstrcmpiA(info->szDll, "node.exe") != 0) return nullptr;
  // Safe: dliNotePreLoadLibrary takes the handle of a module as its answer (Microsoft Learn,
  // "Understand the helper function").
  return reinterpret_cast<FARPROC>(GetModuleHandleW(nullptr));
}

// Set before the first call of Node-API: the library's own variable of that name is not const in
// MinGW.
const bool is_set = (__pfnDliNotifyHook2 = host_instead_of_node, true);

}  // namespace
