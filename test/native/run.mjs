// npm run test:native [-- --publish | rounds [first seed]]: Windows' part of the addon on Linux,
// over a kernel that is a program, under AddressSanitizer, LeakSanitizer and
// UndefinedBehaviorSanitizer, which no Windows and no Wine has. Shows first that faults which are
// put into its sources are found.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { windowsErrors } from '../../lib/errno/windows.ts'
import { publish } from '../../scripts/figures.ts'
import { fail, needTools, root } from '../../scripts/tools.mjs'

const isPublished = process.argv[2] === '--publish'
const [rounds = '200', firstSeed = '1'] = isPublished ? ['2000'] : process.argv.slice(2)
// What is compiled; what no memory depends on is played by exchange-test.cc.
const sources = [
  ...['address', 'clock', 'datagrams', 'event_post', 'exchange', 'extensions', 'iocp', 'listeners'],
  ...['operations', 'overlapped_pool', 'status', 'streams', 'waker', 'watch_table']
].map((name) => `native/windows/${name}.cc`)
const tests = ['exchange-test', 'kernel', 'promises'].map((name) => `test/native/${name}.cc`)
const inputs = [...sources, 'native/contract/waker.cc', ...tests]
const folder = join(root, 'build-native')
const flags = ['-std=c++20', '-g', '-O1', '-fno-omit-frame-pointer', '-Wall', '-Wextra']
const sanitizing = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined']

const planted = [
  {
    what: 'ticks are waited for with the coarse timer',
    file: 'native/windows/iocp.cc',
    right: 'fine_timer_.hold()',
    wrong: 'static_cast<void>(fine_timer_)'
  },
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
  },
  {
    what: 'a send that is done is kept for as long as its exchange lives',
    file: 'native/windows/streams.cc',
    right: 'port.pool.give_back(watched.send);\n  watched.send = nullptr;\n  if (error',
    wrong: 'watched.send = nullptr;\n  if (error'
  },
  {
    what: 'an operation of nobody is kept for as long as its exchange lives',
    file: 'native/windows/exchange.cc',
    right: '\n  port_.pool.give_back(operation);',
    wrong: ''
  },
  {
    what: 'the completion of a stranger is taken for ours',
    file: 'native/windows/overlapped_pool.cc',
    right: 'found == operations_.end() ? nullptr : found->second.get()',
    wrong: 'static_cast<Operation*>(overlapped)'
  },
  {
    what: 'more is given out than was received',
    file: 'native/windows/datagrams.cc',
    right: 'truncated ? operation.length : operation.bytes',
    wrong: 'operation.length'
  },
  {
    what: 'a receive that fails with a warning is freed, and completes all the same',
    file: 'native/windows/operations.cc',
    right: 'if (receives(operation) && is_truncation(static_cast<DWORD>(error))) return 0;',
    wrong: ''
  },
  {
    what: 'a connection is closed over its receive',
    file: 'native/windows/watch_table.cc',
    right:
      'static_cast<void>(cancel_operation(watched.socket.get(), watched.receive));\n  return is_complete(*watched.receive);',
    wrong: 'return true;'
  },
  {
    what: 'a connection is closed before its cancelled receive has ended',
    file: 'native/windows/watch_table.cc',
    right: 'return is_complete(*watched.receive);',
    wrong: 'return true;'
  },
  {
    what: 'a UDP socket whose receives the system has refused stays deaf',
    file: 'native/windows/datagrams.cc',
    right: 'static_cast<int32_t>(-failure));\n  }\n  serve_later(port, watched);',
    wrong: 'static_cast<int32_t>(-failure));\n  }'
  },
  {
    what: 'want of memory for a receive ends its connection',
    file: 'native/windows/streams.cc',
    right: 'if (is_shortage(static_cast<DWORD>(error))) return serve_later(port, watched);',
    wrong: ''
  },
  {
    what: 'want of memory for a send ends its connection',
    file: 'native/windows/streams.cc',
    right: 'if (!is_shortage(static_cast<DWORD>(-started)))',
    wrong: ''
  },
  {
    what: 'a packet that could not be posted is forgotten',
    file: 'native/windows/watch_table.cc',
    right: 'if (!watched.turn->in_flight) serve_later(port, watched);',
    wrong: ''
  },
  {
    what: 'the end of an operation is not told when its packet could not be posted',
    file: 'native/windows/event_post.cc',
    right: 'SetEvent(event_post->event_.get());',
    wrong: ''
  },
  {
    what: 'a wake that wakes nobody is taken for one that does',
    file: 'native/windows/waker.cc',
    right: '-static_cast<Result>(GetLastError())',
    wrong: '0'
  },
  {
    what: 'a pool closes a socket whose mode is still remembered',
    file: 'native/windows/overlapped_pool.cc',
    right: 'close_and_forget(operation->closing)',
    wrong: 'operation->closing.reset()'
  },
  {
    what: 'a short rest of a send is given 64 KiB',
    file: 'native/windows/streams.cc',
    right: 'send_overlapped(port, watched, left,',
    wrong: 'send_overlapped(port, watched, kMaxSendPiece,'
  },
  {
    what: 'a connection that was aborted has a name of its own',
    file: 'native/windows/streams.cc',
    right: 'error == WSAECONNABORTED ? WSAECONNRESET : error',
    wrong: 'error'
  },
  {
    what: "completions are told in Win32's numbers",
    file: 'native/windows/status.cc',
    right: '{0xC000020A, WSAEADDRINUSE}',
    wrong: '{0xC000020A, 52}'
  }
]

needTools({ 'g++': 'g++' })

function gcc(args) {
  return new Promise((resolve) => {
    const compiler = spawn('g++', [...sanitizing, ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit']
    })
    compiler.on('error', (error) => fail(`g++ could not be started (${error.message})`))
    compiler.on('close', (status) =>
      status === 0 ? resolve() : fail('the test did not build, see above')
    )
  })
}

function runToItsEnd(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    child.on('close', (status) => resolve({ status, stderr }))
  })
}

const objectOf = (source) => join(folder, source.replaceAll('/', '-').replace(/cc$/, 'o'))
// -iquote: a planted fault lies elsewhere, and includes what its original does.
const headers = ['-Itest/native/windows-headers', '-iquote', 'native/windows']
const compile = (source, object, ...more) =>
  gcc([...flags, ...more, ...headers, '-c', source, '-o', object])

/** Does the same with each, as many at once as there are processors. */
async function withEach(items, use) {
  const waiting = [...items.entries()]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      await use(next[1], next[0])
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
}

async function build() {
  mkdirSync(folder, { recursive: true })
  await withEach(inputs, (input) => compile(input, objectOf(input)))
  const program = join(folder, 'exchange-test')
  await gcc([...inputs.map(objectOf), '-o', program])
  return program
}

async function findPlanted({ what, file, right, wrong }, number) {
  const text = readFileSync(join(root, file), 'utf8')
  if (text.split(right).length !== 2)
    fail(`${file} no longer has "${right}" once: the planted fault "${what}" has no place`)
  const [source, object, program] = ['.cc', '.o', ''].map((end) =>
    join(folder, `planted-${number}${end}`)
  )
  writeFileSync(source, text.replace(right, wrong))
  await compile(source, object, '-w') // It may leave a variable without use.
  await gcc([...inputs.filter((input) => input !== file).map(objectOf), object, '-o', program])
  const { status, stderr } = await runToItsEnd(program, ['20', '1'])
  if (status === 0) fail(`the net has a hole: not found was that ${what}`)
  const how =
    /Sanitizer: [\w-]+|left open|the kernel was asked|memory grew|a byte that|not kept/.exec(
      stderr
    )?.[0]
  console.log(`pollport: planted and found: ${what} (${how})`)
}

const program = await build()
const { stdout: errors } = spawnSync(program, ['errors'], { encoding: 'utf8' })
for (const error of errors.trim().split('\n')) {
  if (windowsErrors.names[error] === undefined)
    fail(`lib/errno/windows.ts has no name for ${error}, which a completion may be told with`)
}
await withEach(planted, findPlanted)

const { status, stdout, stderr } = spawnSync(program, [rounds, firstSeed], { encoding: 'utf8' })
process.stdout.write(`pollport: Windows' operations over a kernel that is a program: ${stdout}`)
if (status !== 0) {
  process.stderr.write(stderr)
  fail('POLLPORT_SHOW_SEEDS=1 build-native/exchange-test tells the seed')
}
if (isPublished) {
  const rows = [
    ['random rounds', Number(rounds)],
    ['findings', 0],
    ['faults made on purpose', planted.length],
    ['of these reported', planted.length]
  ]
  const column = "Windows' operations"
  publish('sanitizers-native', {
    table: 'Sanitizers',
    column,
    command: 'npm run test:native -- --publish',
    rows
  })
}
