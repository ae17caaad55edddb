// npm run test:native [rounds [first seed]]: Windows' part of the addon on Linux, over a kernel that is a program, under AddressSanitizer,
// LeakSanitizer and UndefinedBehaviorSanitizer, which no Windows and no Wine has. Shows first that faults which are put into its sources are found.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail, needTools, root, run } from '../../scripts/tools.mjs'

const [rounds = '300', firstSeed = '1'] = process.argv.slice(2)
// What is compiled; what no memory depends on is played by exchange-test.cc.
const sources = [
  ...['address', 'datagrams', 'event_post', 'exchange', 'extensions', 'iocp', 'listeners'],
  ...['operations', 'overlapped_pool', 'streams', 'waker', 'watch_table']
].map((name) => `native/windows/${name}.cc`)
const flags = ['-std=c++20', '-g', '-O1', '-fno-omit-frame-pointer', '-Wall', '-Wextra']
const sanitizing = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined']

const planted = [
  {
    what: 'an operation is freed while the system has it',
    file: 'native/windows/overlapped_pool.cc',
    right: 'operation != nullptr && !operation->in_flight',
    wrong: 'operation != nullptr'
  },
  {
    what: 'an operation is never given back',
    file: 'native/windows/overlapped_pool.cc',
    right: 'operations_.erase(operation);',
    wrong: 'operations_.find(operation)->second.release(); operations_.erase(operation);'
  },
  {
    what: 'the pool frees what is in flight when it goes',
    file: 'native/windows/overlapped_pool.cc',
    right: 'static_cast<void>(operation.release());',
    wrong: ''
  }
]

needTools({ 'g++': 'g++' })

/** Builds the test of the sources in `folder`. */
function build(folder) {
  const program = join(folder, 'build-native', 'exchange-test')
  mkdirSync(join(folder, 'build-native'), { recursive: true })
  const tests = ['exchange-test', 'kernel'].map((name) => `test/native/${name}.cc`)
  const inputs = [...sources, 'native/contract/waker.cc', ...tests]
  const include = '-Itest/native/windows-headers'
  run('g++', [...flags, ...sanitizing, include, ...inputs, '-o', program], 'the test did not build', { cwd: folder })
  return program
}

const scratch = mkdtempSync(join(tmpdir(), 'pollport-native-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const { what, file, right, wrong } of planted) {
  for (const part of ['native', 'test/native']) cpSync(join(root, part), join(scratch, part), { recursive: true })
  const text = readFileSync(join(scratch, file), 'utf8')
  if (!text.includes(right)) fail(`${file} no longer has "${right}": the planted fault "${what}" has no place`)
  writeFileSync(join(scratch, file), text.replace(right, wrong))
  const { status, stderr } = spawnSync(build(scratch), ['100', '1'], { encoding: 'utf8' })
  if (status === 0) fail(`the net has a hole: not found was that ${what}`)
  console.log(
    `pollport: planted and found: ${what} (${/Sanitizer: [\w-]+|left open|the kernel was asked/.exec(stderr)?.[0]})`
  )
}

const { status, stdout, stderr } = spawnSync(build(root), [rounds, firstSeed], { encoding: 'utf8' })
process.stdout.write(`pollport: Windows' operations over a kernel that is a program: ${stdout}`)
if (status !== 0) {
  process.stderr.write(stderr)
  fail('POLLPORT_SHOW_SEEDS=1 build-native/exchange-test tells the seed')
}
