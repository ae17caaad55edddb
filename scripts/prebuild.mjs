// Makes the binaries that travel in the package: prebuilds/<platform>-<arch>/pollport[.glibc|.musl].node for this machine's system, by
// prebuildify, and on Linux x64 with glibc also Windows', by MinGW, unless --own is given. Refuses a binary that needs a newer glibc than
// we promise. Builds in build-prebuild/, so that build/, which a checkout runs from, stays as it is.
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fail, needTools, root, run } from './tools.mjs'
import { buildForWindows, windowsAddon } from './windows-build.mjs'

// The same as Node 20's and 22's own: RHEL 8, Debian 10, Ubuntu 20.04.
const promisedGlibc = '2.28'
const wrapped = ['pthread_create', 'pthread_join', 'pthread_sigmask', 'pthread_once', '__pthread_key_create']

const stage = join(root, 'build-prebuild')
const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined
const isOwnOnly = process.argv.includes('--own')

function folderOf(target) {
  const folder = join(root, 'prebuilds', target)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

function report(target, folder) {
  for (const name of readdirSync(folder)) {
    console.log(`pollport: made prebuilds/${target}/${name} (${statSync(join(folder, name)).size} bytes)`)
  }
}

/** Versions as numbers: 2.4 comes before 2.28. */
function isNewer(version, than) {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number))
  for (const [index, part] of a.entries()) {
    if (part !== (b[index] ?? 0)) return part > (b[index] ?? 0)
  }
  return false
}

/** Fails when the file asks for more than the promised glibc has, or for a library that is not glibc's. */
function checkGlibc(file) {
  const headers = run('objdump', ['-p', file], 'objdump could not read the binary')
  const strangers = [...headers.matchAll(/NEEDED\s+(\S+)/g)]
    .map((match) => match[1])
    .filter((name) => !/^(lib(c|m|pthread|dl|rt)|ld-linux.*)\.so\.\d$/.test(name))
  if (strangers.length > 0) fail(`the binary needs ${strangers.join(', ')}, which not every system has`)
  // The linker's own demands bear names such as GLIBC_ABI_DT_RELR and stand beside no symbol; the first came with 2.36.
  if (headers.includes('GLIBC_ABI_'))
    fail(`the binary would not load on glibc ${promisedGlibc}: it was linked with -z pack-relative-relocs`)
  const symbols = run('objdump', ['-T', file], 'objdump could not read the binary').split('\n')
  const tooNew = symbols.flatMap((symbol) => {
    const [, version, name] = /GLIBC_([\d.]+)\)?\s+(\S+)$/.exec(symbol) ?? []
    return version !== undefined && isNewer(version, promisedGlibc) ? [`${name} (glibc ${version})`] : []
  })
  if (tooNew.length === 0) return
  fail(
    `the binary would not load on glibc ${promisedGlibc}, since it needs ${tooNew.join(', ')}. ` +
      'Do without, or add it to scripts/old-glibc.c'
  )
}

function prebuildOwn() {
  const target = `${process.platform}-${process.arch}`
  const folder = folderOf(target)
  rmSync(stage, { recursive: true, force: true })
  mkdirSync(stage)
  for (const input of ['package.json', 'binding.gyp', 'native'])
    cpSync(join(root, input), join(stage, input), { recursive: true })
  const env = { ...process.env }
  if (isGlibc) {
    const compat = join(stage, 'old-glibc.o')
    const source = join(root, 'scripts', 'old-glibc.c')
    run(
      process.env.CC ?? 'gcc',
      ['-O2', '-fPIC', '-Wall', '-Werror', '-c', source, '-o', compat],
      'old-glibc.c did not build'
    )
    env.LDFLAGS = [env.LDFLAGS ?? '', compat, ...wrapped.map((name) => `-Wl,--wrap=${name}`), '-lpthread'].join(' ')
  }
  const prebuildify = join(dirname(createRequire(import.meta.url).resolve('prebuildify/package.json')), 'bin.js')
  const args = [prebuildify, stage, '--napi', '--strip', `--out=${root}`, `--target=${process.versions.node}`]
  if (process.platform === 'linux') args.push('--tag-libc') // glibc's and musl's binaries live side by side in linux-<arch>.
  run(process.execPath, args, 'the prebuilt binary was not made', { env })
  rmSync(stage, { recursive: true, force: true })
  if (isGlibc) for (const name of readdirSync(folder)) checkGlibc(join(folder, name))
  report(target, folder)
}

function prebuildWindows() {
  buildForWindows()
  const folder = folderOf('win32-x64')
  copyFileSync(windowsAddon, join(folder, 'pollport.node'))
  report('win32-x64', folder)
}

run(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--no-addon'], 'setup failed', { stdio: 'inherit' })
if (isGlibc) needTools({ objdump: 'binutils', gcc: 'gcc' })
prebuildOwn()
if (isGlibc && process.arch === 'x64' && !isOwnOnly) prebuildWindows()
