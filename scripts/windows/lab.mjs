// Runs Windows' node.exe on Linux: a Debian with Wine in a folder of the cache, entered by chroot,
// in which a folder of this machine is Z:\pollport. The checkout appears there with Windows'
// node_modules and addon in place of Linux's. Needs root and the right to mount. One run sees
// nothing of another: Wine's files, /tmp and the processes are its own and end with it.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync
} from 'node:fs'
import { join } from 'node:path'
import { fetchNode, forWindows, makeOnce, temporaryFolder } from '../cache.mjs'
import { debian, debianMirror } from '../debian.mjs'
import { fail, isRoot, needTools, npm, root, run } from '../tools.mjs'
import { buildForWindows, windowsAddon } from './build.mjs'

// Change it when the recipe of makeSystem changes: each has a folder of its own, so that no
// half-old one is used.
const recipe = 2

/**
 * A shell script in namespaces of its own for mounts and processes: nothing of it outlives it, or
 * us.
 */
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
// The whole environment of Wine, and of node.exe, which adds Windows' own. PATH is this machine's
// until chroot.
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
  // The last two, or debootstrap cannot tell whether the packages are Debian's.
  needTools({
    debootstrap: 'debootstrap',
    gpgv: 'gpgv',
    '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring'
  })
  const mirror = debianMirror() // Where apt has none, as on Ubuntu, debootstrap knows its own.
  const args = [
    '--variant=minbase',
    '--include=wine64,wine',
    debian,
    folder,
    ...(mirror === undefined ? [] : [mirror])
  ]
  run('debootstrap', args, 'debootstrap could not make a Debian with Wine')
  // Without hosts nobody knows localhost, and Vite does not start.
  for (const name of ['hosts', 'resolv.conf'])
    copyFileSync(join('/etc', name), join(folder, 'etc', name))
  for (const name of ['wine', 'pollport', 'node', 'out']) mkdirSync(join(folder, name))
  rmSync(join(folder, 'var', 'cache', 'apt', 'archives'), { recursive: true, force: true })
  // Wine's own first start, once for all runs. wineserver -w waits until the registry has been
  // written.
  const boot = `${enter}
${intoLab} sh -c 'wineboot -i </dev/null >/tmp/boot 2>&1; wineserver -w; test -e /wine/system.reg || { cat /tmp/boot; exit 1; }'`
  run('setpriv', inNamespaces(boot, folder), 'Wine could not be started', {
    env: environment,
    timeout: 300_000
  })
}

function windowsModules() {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
    .slice(0, 16)
  const folder = makeOnce(
    `windows-modules-${hash}`,
    "installing Windows' packages (npm ci)",
    (unfinished) => {
      const lobby = join('examples', 'lobby') // the one workspace
      mkdirSync(join(unfinished, lobby), { recursive: true })
      const needed = ['package.json', 'package-lock.json', join(lobby, 'package.json')]
      for (const name of needed) copyFileSync(join(root, name), join(unfinished, name))
      npm(['ci', '--include=dev', ...forWindows], 'npm ci for Windows failed', { cwd: unfinished })
    }
  )
  return join(folder, 'node_modules')
}

/** Why there can be no lab here, or undefined. */
export function whyNoLab() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return "Windows' side runs under Wine on Linux x64 only"
  if (!isRoot)
    return "Windows' side runs in a chroot with mounts of its own, which needs root (sudo, or a container's root)"
  needTools({ unshare: 'util-linux', setpriv: 'util-linux', mount: 'mount' })
  const attempt = inNamespaces('mount -t tmpfs tmpfs /mnt && mount -t proc proc /proc')
  if (spawnSync('setpriv', attempt, { stdio: 'ignore' }).status === 0) return undefined
  return "Windows' side needs mounts, which this container refuses even to root (docker run --privileged grants them)"
}

/** Makes what the lab lacks and returns it, to run folders in. */
export function prepareLab(line) {
  const reason = whyNoLab()
  if (reason !== undefined) fail(reason)
  const what = `making a Debian ${debian} with Wine (once, 2.2 GB, a minute or two)`
  return {
    system: makeOnce(`windows-lab-${recipe}`, what, makeSystem),
    node: fetchNode(line, 'win', 'x64')
  }
}

/** Makes the checkout ready to run in a lab: dist, Windows' addon, Windows' packages. */
export function prepareCheckout() {
  run(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--no-addon'], 'setup failed', {
    stdio: 'inherit'
  })
  buildForWindows()
  return { folder: root, modules: windowsModules(), addon: windowsAddon }
}

// $1 Debian, $2 Node's folder, $3 a folder for the output, $4 the folder to run in, $5 Windows'
// node_modules for it and $6 addon, or empty; then node.exe's arguments. The checkout is put
// together from its parts, without what Linux built: nothing can be mistaken.
const program = `${enter}
node=$1; out=$2; folder=$3; modules=$4; addon=$5; shift 5
mkdir "$lab/tmp/upper" "$lab/tmp/work"
mount -t overlay overlay -o "lowerdir=$lab/wine,upperdir=$lab/tmp/upper,workdir=$lab/tmp/work" "$lab/wine"
mount --bind "$node" "$lab/node"
mount --bind "$out" "$lab/out"
if [ -z "$modules" ]; then
  mount --bind "$folder" "$lab/pollport"
else
  mount -t tmpfs tmpfs "$lab/pollport"
  cd "$lab/pollport"
  for part in $(ls -A "$folder"); do
    case $part in node_modules|build|build-*|prebuilds|coverage|.git) continue ;; esac
    if [ -d "$folder/$part" ]; then mkdir "$part"; else : > "$part"; fi
    mount --bind "$folder/$part" "$part"
  done
  mkdir -p node_modules build/Release
  mount --bind "$modules" node_modules
  cp "$addon" build/Release/pollport.node
fi
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
 * Runs node.exe with `args` in a folder and resolves with its exit code; 124 after `timeoutMs`. The
 * first Ctrl-C is node.exe's with `passCtrlC`; every other signal ends everything at once.
 * @param {{ system: string, node: string }} lab from prepareLab
 * @param {{ folder: string, modules?: string, addon?: string }} view from prepareCheckout, or a
 *   folder to be seen as it is
 * @param {string[]} args
 * @param {{ timeoutMs?: number, passCtrlC?: boolean }} [options]
 */
export async function runInLab(lab, view, args, { timeoutMs, passCtrlC = false } = {}) {
  const out = temporaryFolder('run')
  const ends = [
    follow(join(out, 'stdout'), process.stdout),
    follow(join(out, 'stderr'), process.stderr)
  ]
  const passed = Object.entries(process.env).filter(([name]) =>
    /^(CI|NODE_OPTIONS|NODE_DEBUG|POLLPORT_\w+)$/.test(name)
  )
  const colours = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }
  const env = { ...environment, ...colours, ...Object.fromEntries(passed), POLLPORT_WINE: '1' }
  const places = [lab.system, lab.node, out, view.folder, view.modules ?? '', view.addon ?? '']
  const child = spawn('setpriv', inNamespaces(program, ...places, ...args), {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    // A process group of its own, or a terminal's Ctrl-C would reach all of Wine, past us.
    detached: true
  })
  // unshare's end is the end of all its processes, Wine's server too.
  const end = () => child.kill('SIGKILL')
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
  if (isLate)
    console.error(
      `pollport: ended after ${timeoutMs / 60_000} minutes, which is longer than it may take`
    )
  return isLate ? 124 : code
}
