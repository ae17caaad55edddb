// npm run test:node [-- --sample | --control | name…]: Node's own tests of net, http, https, tls,
// http2 and stream over toDuplex(). Fetches them, and starts suite.ts in namespaces of its own: it
// reaches the loopback alone, and no process outlives it.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../scripts/cache.mjs'
import { fail, isRoot, needTools, root } from '../../scripts/tools.mjs'
import { fetchNodeTests } from './source.mjs'

if (process.platform !== 'linux')
  fail("Node's tests are run on Linux: they need a network namespace")
needTools({ unshare: 'util-linux', setpriv: 'util-linux', ip: 'iproute2' })
const folder = fetchNodeTests()

// Of the machine's own hosts file it is not known whether localhost has both its addresses;
// without, libc asks a name server, which is not there.
const hosts = join(temporaryFolder('run'), 'hosts')
writeFileSync(hosts, '127.0.0.1 localhost\n::1 localhost\n')
const script = 'ip link set lo up && mount --bind "$1" /etc/hosts && shift && exec "$@"'
const own = [
  '--net',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
  ...(isRoot ? [] : ['--map-root-user'])
]
const inside = ['--pdeathsig', 'KILL', 'unshare', ...own, 'sh', '-c', script, 'sh', hosts]
if (spawnSync('setpriv', [...inside, 'true'], { stdio: 'inherit' }).status !== 0) {
  fail(
    "Node's tests need namespaces, which this container refuses (docker run --privileged grants them)"
  )
}
const suite = [process.execPath, '--import', 'tsx', join(root, 'test/node/suite.ts'), folder]
const { status } = spawnSync('setpriv', [...inside, ...suite, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit'
})
process.exitCode = status ?? 1
