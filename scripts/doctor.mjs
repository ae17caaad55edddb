// npm run doctor: says what this machine lacks, for each thing that one does with a checkout, and
// the command that installs it. Changes nothing, asks no network. Ends with 1 only when the addon
// cannot be built or the tests cannot run. Node's builtins only.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { isRoot, pathOf, root } from './tools.mjs'

const { platform, arch } = process
const isLinux = platform === 'linux'
const isWindows = platform === 'win32'

/** The command of this system's package manager, and which column of `packages` is its. */
const manager = [
  ['apt-get', 'apt-get install', 0],
  ['dnf', 'dnf install', 1],
  ['apk', 'apk add', 2]
].find(([command]) => pathOf(command) !== undefined)

/** Names of packages where they differ: Debian's, Fedora's, Alpine's. */
const packages = {
  'a C++20 compiler': ['g++', 'gcc-c++', 'g++'],
  'a C compiler': ['gcc', 'gcc', 'gcc'],
  make: ['make', 'make', 'make'],
  python3: ['python3', 'python3', 'python3'],
  git: ['git', 'git', 'git'],
  strace: ['strace', 'strace', 'strace'],
  iproute2: ['iproute2', 'iproute iproute-tc', 'iproute2'],
  'util-linux': ['util-linux', 'util-linux', 'util-linux'],
  chromium: ['chromium', 'chromium', 'chromium'],
  'redis-server': ['redis-server', 'redis', 'redis']
}

function install(what) {
  const names = packages[what]
  if (manager === undefined) return `install ${names[0]}`
  return `${isRoot ? '' : 'sudo '}${manager[1]} ${names[manager[2]]}`
}

const has = (command) => pathOf(command) !== undefined

/** Something that must be there: what is missing, and the command or step that helps. */
function need(isThere, what, remedy) {
  return isThere ? [] : [{ what, remedy }]
}

function needCommand(command, what = command) {
  return need(has(command), `${command} is not on the PATH`, install(what))
}

function needsOfNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return [
    ...need(
      major > 20 || (major === 20 && minor >= 19),
      `Node ${process.versions.node} is too old`,
      'install Node 20.19 or later'
    ),
    ...need(
      (isLinux || isWindows) && ['x64', 'arm64'].includes(arch),
      `there is no backend for ${platform} ${arch}: importing works, constructing throws`,
      'use Linux or Windows on x64 or arm64'
    )
  ]
}

function needsOfBuild() {
  if (isWindows) {
    return [
      ...need(
        hasVisualStudio(),
        'Visual Studio’s C++ tools are missing',
        'npm run build:native says which Visual Studio installation it looks for'
      ),
      ...need(
        has('python.exe') || has('py.exe'),
        'Python is missing',
        'winget install Python.Python.3.13'
      )
    ]
  }
  const compiler = (process.env.CXX ?? (isLinux ? 'g++' : 'c++')).split(' ')[0]
  return [
    ...need(has(compiler), `${compiler} is not on the PATH`, install('a C++20 compiler')),
    ...need(
      !has(compiler) || compilesCpp20(compiler),
      `${compiler} does not compile C++20`,
      'install GCC 10 or later, or Clang 10 or later, and name it in CXX'
    ),
    ...needCommand('make'),
    ...needCommand(process.env.PYTHON ?? 'python3', 'python3')
  ]
}

/** vswhere stands at the same place on every machine (Microsoft's vswhere, its wiki). */
function hasVisualStudio() {
  const installer = join(
    process.env['ProgramFiles(x86)'] ?? '',
    'Microsoft Visual Studio',
    'Installer'
  )
  const asked = spawnSync(
    join(installer, 'vswhere.exe'),
    [
      '-products',
      '*',
      '-requires',
      'Microsoft.VisualStudio.Component.VC.Tools.x86.x64',
      '-property',
      'installationPath'
    ],
    { encoding: 'utf8' }
  )
  return asked.status === 0 && asked.stdout.trim() !== ''
}

function compilesCpp20(compiler) {
  const program = '#include <concepts>\n#include <span>\nstatic_assert(std::integral<int>);\n'
  const options = ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-']
  return spawnSync(compiler, options, { input: program }).status === 0
}

function needsOfTests() {
  const installed = readJson('node_modules/.package-lock.json') !== undefined
  return [
    ...need(
      has('npm') || has('npm.cmd') || process.env.npm_execpath,
      'npm is not on the PATH',
      'it comes with Node'
    ),
    // The suite's own first step installs and builds what is missing, so this is no fault.
    ...(installed
      ? []
      : [{ what: 'the packages are not installed', remedy: 'npm run setup', isMinor: true }])
  ]
}

function needsOfWindowsLab() {
  if (!isLinux || arch !== 'x64')
    return [
      { what: 'the lab runs on Linux x64 only', remedy: isWindows ? 'npm test' : 'use Linux x64' }
    ]
  const tools = {
    unshare: 'util-linux',
    setpriv: 'util-linux',
    debootstrap: 'debootstrap',
    gpgv: 'gpgv',
    cmake: 'cmake',
    'x86_64-w64-mingw32-g++-posix': 'g++-mingw-w64-x86-64-posix',
    'x86_64-w64-mingw32-dlltool': 'binutils-mingw-w64-x86-64'
  }
  const lacking = Object.keys(tools).filter((command) => !has(command))
  const names = [...new Set(lacking.map((command) => tools[command]))].join(' ')
  return [
    ...need(
      lacking.length === 0,
      `${lacking.join(', ')} ${lacking.length === 1 ? 'is' : 'are'} missing`,
      isRoot && has('apt-get')
        ? 'nothing: npm run test:windows installs them'
        : `apt-get install ${names} (Debian or Ubuntu)`
    ),
    ...need(
      isRoot,
      'the lab mounts, which needs root',
      'sudo env "PATH=$PATH" npm run test:windows'
    ),
    ...need(
      !isRoot || !has('unshare') || mayMount(),
      'this container refuses mounts',
      'docker run --privileged'
    )
  ]
}

function mayMount() {
  const attempt = ['--mount', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']
  return spawnSync('unshare', attempt, { stdio: 'ignore' }).status === 0
}

function needsOfBenchmarks() {
  if (!isLinux) return [{ what: 'the benchmarks run on Linux only', remedy: 'use Linux' }]
  return [
    ...need(
      availableParallelism() >= 2,
      'one core is too few',
      'use two: one for the server, one for the load'
    ),
    ...needCommand('cc', 'a C compiler'),
    ...needCommand('taskset', 'util-linux')
  ]
}

function needsOfFaultLab() {
  if (!isLinux) return [{ what: 'the fault lab runs on Linux only', remedy: 'use Linux' }]
  return [
    ...needCommand('cc', 'a C compiler'),
    ...needCommand('ip', 'iproute2'),
    ...needCommand('tc', 'iproute2'),
    ...needCommand('nsenter', 'util-linux'),
    ...need(isRoot, 'network namespaces need root', 'sudo env "PATH=$PATH" npm run test:faults'),
    ...need(
      existsSync('/dev/net/tun'),
      'there is no /dev/net/tun',
      'docker run --device /dev/net/tun --privileged'
    )
  ]
}

function needsOfBrowserTests() {
  if (!isLinux) return [{ what: 'browsers are tried on Linux only', remedy: 'use Linux' }]
  const path = process.env.CHROMIUM ?? '/usr/bin/chromium'
  return need(existsSync(path), `there is no ${path}`, `${install('chromium')}, or CHROMIUM=/path`)
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'))
  } catch {
    return undefined // Missing, or half written by an npm that was stopped.
  }
}

const purposes = [
  ['using pollport', needsOfNode(), true],
  ['building the addon', needsOfBuild(), true],
  ['the tests (npm test)', needsOfTests(), true],
  ['tests of the lobby’s pages', needsOfBrowserTests(), false],
  ['tests of a cluster of lobbies', isLinux ? needCommand('redis-server') : [], false],
  ['tests with strace (epoll without epoll_pwait2)', isLinux ? needCommand('strace') : [], false],
  ['Windows’ side (npm run test:windows)', needsOfWindowsLab(), false],
  ['the benchmarks (npm run bench)', needsOfBenchmarks(), false],
  ['the fault lab (npm run test:faults)', needsOfFaultLab(), false]
]

let isImpossible = false
for (const [purpose, needs, isRequired] of purposes) {
  console.log(`${needs.length === 0 ? 'ready  ' : 'lacking'}  ${purpose}`)
  for (const { what, remedy } of needs) console.log(`           ${what}: ${remedy}`)
  isImpossible ||= isRequired && needs.some(({ isMinor }) => !isMinor)
}
process.exitCode = isImpossible ? 1 : 0
