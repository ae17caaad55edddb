// Runs clang-tidy over the C++ sources of both systems, as many at once as there are processors.
// What is checked stands in .clang-tidy; any finding fails.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fail, root, run } from './tools.mjs'
import { buildForWindows, windowsAddon } from './windows/build.mjs'

const buildFolder = join(root, 'build-dev')
const windowsFolder = dirname(windowsAddon)
const crossCompiler = 'x86_64-w64-mingw32-g++-posix'

if (spawnSync('clang-tidy', ['--version']).error)
  fail('needs clang-tidy (Debian: apt-get install clang-tidy)')
if (spawnSync('cmake', ['--version']).error) fail('needs cmake (Debian: apt-get install cmake)')
const cmakeJs = join(root, 'node_modules', 'cmake-js', 'bin', 'cmake-js')
run(
  process.execPath,
  [cmakeJs, 'configure', '-O', 'build-dev'],
  'cmake-js could not configure build-dev'
)

/** The files of native/ that a database of compile commands lists. */
function filesOf(folder) {
  const commands = JSON.parse(readFileSync(join(folder, 'compile_commands.json'), 'utf8'))
  return [...new Set(commands.map((command) => command.file))].filter((file) =>
    file.startsWith(join(root, 'native'))
  )
}

/**
 * Where the cross compiler has C++'s and Windows' headers. Not those of its own built-in functions:
 * clang has others.
 */
function crossHeaders() {
  const asked = spawnSync(crossCompiler, ['-xc++', '-E', '-v', '/dev/null'], {
    encoding: 'utf8'
  }).stderr
  const listed =
    /#include <\.\.\.> search starts here:\n([\s\S]*?)\nEnd of search list/.exec(asked)?.[1] ?? ''
  return listed
    .split('\n')
    .map((line) => line.trim())
    .filter((path) => /\/c\+\+|\/x86_64-w64-mingw32\/include$/.test(path))
    .map((path) => `--extra-arg=-isystem${path}`)
}

// Each file once: what both systems compile is read as Linux compiles it, the rest as MinGW does.
buildForWindows()
const ofLinux = filesOf(buildFolder)
const asWindows = ['--extra-arg=--target=x86_64-w64-mingw32', ...crossHeaders()]
const waiting = [
  ...ofLinux.map((file) => ({ file, folder: buildFolder, extra: [] })),
  ...filesOf(windowsFolder)
    .filter((file) => !ofLinux.includes(file))
    .map((file) => ({ file, folder: windowsFolder, extra: asWindows }))
]
if (waiting.length === 0) fail('compile_commands.json lists no file of native/')
const total = waiting.length
let failures = 0

/** Takes files off the list until it is empty. */
async function work() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { file, folder, extra } = next
    // Static objects die at exit while other threads still run.
    const flags = [...extra, '--extra-arg=-Wexit-time-destructors']
    const child = spawn(
      'clang-tidy',
      ['-p', folder, ...flags, '--quiet', '--warnings-as-errors=*', file],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe']
      }
    )
    let findings = ''
    child.stdout.on('data', (chunk) => {
      findings += chunk
    })
    // Its standard error counts the warnings it kept back in other people's headers: only shown
    // when something is wrong.
    let remarks = ''
    child.stderr.on('data', (chunk) => {
      remarks += chunk
    })
    const status = await new Promise((resolve) => child.on('close', resolve))
    if (status === 0) continue
    failures += 1
    console.error(`${relative(root, file)}\n${findings}${remarks}`)
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work))
console.log(`pollport: clang-tidy read ${total} files, ${failures} with findings`)
process.exit(failures === 0 ? 0 : 1)
