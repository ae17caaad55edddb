// Builds the addon for Windows on Linux: build-windows/x64/pollport.node, by CMake and MinGW.
// Compiles only what changed. Node-API's delay-import libraries are made from the lists of names in
// npm's node-api-headers: nothing of Windows' Node is needed. The published binaries come from MSVC
// on Windows; this one runs the tests under Wine and stands in where no Windows is at hand.
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fail, needTools, root, run } from '../tools.mjs'

const prefix = 'x86_64-w64-mingw32-'
const folder = join(root, 'build-windows', 'x64')

/** Where the built addon is. */
export const windowsAddon = join(folder, 'pollport.node')

/** Builds what is missing or stale; silent when there is nothing to do. */
export function buildForWindows() {
  needTools({
    cmake: 'cmake',
    make: 'make',
    [`${prefix}g++-posix`]: 'g++-mingw-w64-x86-64-posix',
    [`${prefix}dlltool`]: 'binutils-mingw-w64-x86-64'
  })
  const headers = createRequire(import.meta.url)('node-api-headers')
  mkdirSync(folder, { recursive: true })
  const importLibraries = Object.values(headers.def_paths).map((definitions, index) => {
    const library = join(folder, `libnode-api-delayed-${index}.a`)
    if (!existsSync(library) || statSync(library).mtimeMs < statSync(definitions).mtimeMs) {
      run(
        `${prefix}dlltool`,
        ['-d', definitions, '-D', 'node.exe', '-y', library],
        'no import library could be made'
      )
    }
    return library
  })
  const configure = [
    ...['-S', root, '-B', folder, '-G', 'Unix Makefiles', '-DCMAKE_BUILD_TYPE=Release'],
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'scripts', 'windows', 'mingw-w64.cmake')}`,
    `-DCMAKE_JS_INC=${headers.include_dir}`,
    `-DCMAKE_JS_LIB=${importLibraries.join(';')}`
  ]
  run('cmake', configure, 'CMake could not configure build-windows')
  const before = existsSync(windowsAddon) ? statSync(windowsAddon).mtimeMs : 0
  run(
    'cmake',
    ['--build', folder, '--parallel', String(availableParallelism())],
    "Windows' addon did not build"
  )
  if (!existsSync(windowsAddon)) fail(`the build ended well, but ${windowsAddon} is not there`)
  const { mtimeMs, size } = statSync(windowsAddon)
  if (mtimeMs !== before)
    console.log(`pollport: built build-windows/x64/pollport.node (${size} bytes)`)
}

if (process.argv[1] === import.meta.filename) {
  run(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--no-addon'], 'setup failed', {
    stdio: 'inherit'
  })
  buildForWindows()
}
