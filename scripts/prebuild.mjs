// Makes the binaries that travel in the package:
// prebuilds/<platform>-<arch>/pollport[.glibc|.musl].node for this machine's system, by
// prebuildify, and on Linux x64 with glibc also Linux arm64's, by Debian's cross compiler, and
// Windows', by MinGW, unless --own is given. Refuses a binary that needs a newer glibc than we
// promise. Builds in build-prebuild/, so that build/, which a checkout runs from, stays as it is.
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { checkGlibc } from './glibc.mjs'
import { fail, needTools, root, run } from './tools.mjs'
import { buildForWindows, windowsAddon } from './windows/build.mjs'

const wrapped = [
  'pthread_create',
  'pthread_join',
  'pthread_sigmask',
  'pthread_once',
  '__pthread_key_create'
]

const stage = join(root, 'build-prebuild')
const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined
const crossCompiled = { arm64: 'aarch64-linux-gnu' } // as Debian names its compilers
const isOwnOnly = process.argv.includes('--own')
const isProgram = process.argv[1] === import.meta.filename
const unknown = isProgram && process.argv.slice(2).find((word) => word !== '--own')
if (unknown) fail(`npm run prebuild takes --own (this system's binary alone), and not ${unknown}`)

function folderOf(target) {
  const folder = join(root, 'prebuilds', target)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

function report(target, folder) {
  for (const name of readdirSync(folder)) {
    console.log(
      `pollport: made prebuilds/${target}/${name} (${statSync(join(folder, name)).size} bytes)`
    )
  }
}

/** This system's binary; on Linux x64 also arm64's, by Debian's cross compiler. */
export function prebuildFor(arch) {
  const target = `${process.platform}-${arch}`
  const folder = folderOf(target)
  rmSync(stage, { recursive: true, force: true })
  mkdirSync(stage)
  for (const input of ['package.json', 'binding.gyp', 'native'])
    cpSync(join(root, input), join(stage, input), { recursive: true })
  const env = { ...process.env }
  if (arch !== process.arch) {
    const prefix = `${crossCompiled[arch]}-`
    needTools({ [`${prefix}g++`]: `g++-${crossCompiled[arch]}` })
    Object.assign(env, {
      CC: `${prefix}gcc`,
      CXX: `${prefix}g++`,
      AR: `${prefix}ar`,
      PREBUILD_STRIP_BIN: `${prefix}strip`
    })
  }
  if (isGlibc) {
    const compat = join(stage, 'old-glibc.o')
    const source = join(root, 'scripts', 'old-glibc.c')
    run(
      env.CC ?? 'gcc',
      ['-O2', '-fPIC', '-Wall', '-Werror', '-c', source, '-o', compat],
      'old-glibc.c did not build'
    )
    env.LDFLAGS = [
      env.LDFLAGS ?? '',
      compat,
      ...wrapped.map((name) => `-Wl,--wrap=${name}`),
      '-lpthread'
    ].join(' ')
  }
  const prebuildify = join(
    dirname(createRequire(import.meta.url).resolve('prebuildify/package.json')),
    'bin.js'
  )
  const args = [
    prebuildify,
    stage,
    '--napi',
    '--strip',
    `--out=${root}`,
    `--target=${process.versions.node}`
  ]
  args.push(`--arch=${arch}`)
  // glibc's and musl's binaries live side by side in linux-<arch>.
  if (process.platform === 'linux') args.push('--tag-libc')
  run(process.execPath, args, 'the prebuilt binary was not made', { env })
  rmSync(stage, { recursive: true, force: true })
  const removeAll = () => rmSync(folder, { recursive: true }) // else npm pack would take it
  if (isGlibc) for (const name of readdirSync(folder)) checkGlibc(join(folder, name), removeAll)
  report(target, folder)
}

function prebuildWindows() {
  buildForWindows()
  const folder = folderOf('win32-x64')
  copyFileSync(windowsAddon, join(folder, 'pollport.node'))
  report('win32-x64', folder)
}

if (isProgram) {
  run(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--no-addon'], 'setup failed', {
    stdio: 'inherit'
  })
  if (isGlibc) needTools({ gcc: 'gcc' })
  prebuildFor(process.arch)
  if (isGlibc && process.arch === 'x64' && !isOwnOnly) {
    prebuildFor('arm64')
    prebuildWindows()
  }
}
