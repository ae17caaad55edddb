// npm run test:asan, npm run test:tsan [-- --publish | whatever Vitest takes]: builds the addon
// with a sanitizer, shows on faults made on purpose that the sanitizer reports them, runs the
// suite, and ends with 1 if anything of ours was reported. `address` is AddressSanitizer,
// LeakSanitizer and UndefinedBehaviorSanitizer, on the checked Node-API, which ends the process at
// a call that Node forbids. `thread` is ThreadSanitizer.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { publish } from '../../scripts/figures.ts'
import { fail, needTools, root, run } from '../../scripts/tools.mjs'
import { described, readReports } from './reports.mjs'

// Of Node's header js_native_api.h: every rule that any version has, and the checks of the coming
// one.
const checkedNodeApi = 2147483647

const kinds = {
  address: {
    build: 'build-asan',
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
    // UndefinedBehaviorSanitizer's runtime inside, using its own variables: behind
    // AddressSanitizer's it would miss where to report.
    link: ['-static-libubsan', '-Wl,-Bsymbolic'],
    library: 'libasan.so',
    // By what the report must say. Only reports show a leak: a status of its own would change
    // what tests of children see.
    seeded: {
      leak: /leak of 5000 byte/,
      'leak in Vitest': /leak of 5000 byte/,
      overflow: /heap-buffer-overflow/,
      useAfterFree: /heap-use-after-free/,
      undefinedBehaviour: /signed integer overflow/,
      illegalFinalizer: /Finalizer is calling a function that may affect GC state/
    },
    options: (log) => ({
      ASAN_OPTIONS: `log_path=${log}:symbolize=0:abort_on_error=1:exitcode=0:detect_stack_use_after_return=1:malloc_context_size=8`,
      UBSAN_OPTIONS: `log_path=${log}:symbolize=0:abort_on_error=1:print_stacktrace=1`
    }),
    column: 'Address, leak, undefined behaviour',
    figures: 'sanitizers-address',
    script: 'test:asan'
  },
  thread: {
    build: 'build-tsan',
    flags: ['-fsanitize=thread'],
    link: [],
    library: 'libtsan.so',
    seeded: { race: /data race/, 'workers:raceWithOthers': /data race/ },
    // What Node does with memory through the C library is not ours, and half of its locks are
    // invisible, being atomic numbers.
    options: (log) => ({
      TSAN_OPTIONS: `log_path=${log}:exitcode=0:ignore_noninstrumented_modules=1:die_after_fork=0`
    }),
    column: 'Threads',
    figures: 'sanitizers-thread',
    script: 'test:tsan'
  }
}

const [sanitizer, ...given] = process.argv.slice(2)
const kind = kinds[sanitizer]
if (kind === undefined) fail('which sanitizer? npm run test:asan, npm run test:tsan')
if (process.platform !== 'linux') fail('the sanitizers of g++ run on Linux')
needTools({ cmake: 'cmake', 'g++': 'g++', make: 'make', setarch: 'util-linux' })
const rest = given.filter((argument) => argument !== '--publish')
const isPublished = given.includes('--publish')
if (isPublished && rest.length > 0) fail('only a whole run is published: --publish takes no file')

// node-gyp-build looks for build/Release in the folder that POLLPORT_PREBUILD names.
const folder = join(root, kind.build)
const probe = join(folder, 'probe.node')
const headers = createRequire(import.meta.url)('node-api-headers').include_dir

function build() {
  const sanitizing = ['-g', '-O1', '-fno-omit-frame-pointer', ...kind.flags].join(' ')
  const checked = sanitizer === 'address' ? `-UNAPI_VERSION -DNAPI_VERSION=${checkedNodeApi}` : ''
  const configure = [
    ...[
      '-S',
      root,
      '-B',
      join(folder, 'build'),
      '-G',
      'Unix Makefiles',
      `-DCMAKE_JS_INC=${headers}`,
      '-DCMAKE_JS_LIB='
    ],
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(folder, 'build', 'Release')}`,
    `-DCMAKE_CXX_FLAGS=${sanitizing} ${checked}`,
    `-DCMAKE_SHARED_LINKER_FLAGS=${kind.link.join(' ')}`
  ]
  run('cmake', configure, `CMake could not configure ${kind.build}`)
  run(
    'cmake',
    ['--build', join(folder, 'build'), '--parallel', String(availableParallelism())],
    'the sanitized addon did not build'
  )
  // Without -Wall: the compiler sees some of the faults, too.
  const compile = ['-std=c++20', '-shared', '-fPIC', '-w', `-DNAPI_VERSION=${checkedNodeApi}`]
  const source = join(root, 'test', 'sanitizers', 'probe.cc')
  const options = [...compile, ...sanitizing.split(' '), ...kind.link, `-I${headers}`]
  run('g++', [...options, source, '-o', probe], 'the probe did not build')
}

// Addresses that move too far are too much for the shadow memory of older sanitizers; a container
// may forbid to hold them still.
const still = spawnSync('setarch', ['-R', 'true']).status === 0 ? ['setarch', '-R'] : []

/** Runs Node under the sanitizer, and its children with it; its reports lie in `log` afterwards. */
function node(args, log, options = {}) {
  mkdirSync(log, { recursive: true })
  const env = {
    ...process.env,
    ...kind.options(join(log, 'report')),
    LD_PRELOAD: run(
      'g++',
      [`-print-file-name=${kind.library}`],
      'g++ did not say where its libraries are'
    ).trim(),
    POLLPORT_PREBUILD: folder,
    POLLPORT_PROBE: probe,
    POLLPORT_SANITIZER: sanitizer,
    // run() has a thread on Linux only when asked for one: that is what this sanitizer is for.
    ...(sanitizer === 'thread' ? { POLLPORT_RUN_BY_THREAD: '1' } : {}),
    ...options.env
  }
  const [command, ...all] = [...still, process.execPath, ...args]
  return spawnSync(command, all, { cwd: root, encoding: 'utf8', ...options, env })
}

const probeScript = join(root, 'test', 'sanitizers', 'probe.mjs')
const vitest = [
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  '--config',
  'test/sanitizers/vitest.config.ts'
]

/** The faults made on purpose that were not reported. */
function missed(logs) {
  const escaped = []
  for (const [fault, expected] of Object.entries(kind.seeded)) {
    const log = join(logs, `seeded-${fault.replaceAll(/\W/g, '-')}`)
    const { stderr } =
      fault === 'leak in Vitest'
        ? node(vitest, log, { env: { POLLPORT_SEEDED: '1' } })
        : node(['--expose-gc', probeScript, fault], log)
    const { ours } = readReports(log, folder)
    // Node's own checks speak on standard error.
    if (![...ours.map(({ what }) => what), stderr].some((said) => expected.test(said)))
      escaped.push(fault)
  }
  return escaped
}

build()
const logs = mkdtempSync(join(tmpdir(), 'pollport-sanitizer-'))
process.on('exit', () => rmSync(logs, { recursive: true, force: true }))

const seeded = Object.keys(kind.seeded).length
const escaped = missed(logs)
console.log(
  `pollport: of ${seeded} faults made on purpose, ${seeded - escaped.length} were reported`
)
if (escaped.length > 0) fail(`the net has holes: not reported were ${escaped.join(', ')}`)

const summary = join(logs, 'summary.json')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${summary}`]
const log = join(logs, 'suite')
const { status } = node([...vitest, ...reporters, ...rest], log, { stdio: 'inherit' })
const { ours, others } = readReports(log, folder)
const tests = JSON.parse(readFileSync(summary, 'utf8')).numPassedTests
const shown = new Map(
  ours.map((finding) => [
    `${finding.what}${finding.frames.slice(0, 6)}`.replace(/0x\w+|\d{3,}/g, ''),
    finding
  ])
)
for (const finding of [...shown.values()].slice(0, 20))
  console.error(`\n${described(finding, folder)}`)
console.log(
  `pollport: ${tests} tests, ${ours.length} findings; ${others} leaks of Node's own were passed over`
)

const isWell = status === 0 && ours.length === 0
if (isWell && isPublished) {
  const command = `npm run ${kind.script} -- --publish`
  const rows = [
    ['tests run', tests],
    ['findings', ours.length],
    ['faults made on purpose', seeded],
    ['of these reported', seeded - escaped.length]
  ]
  publish(kind.figures, { table: 'Sanitizers', column: kind.column, command, rows })
}
process.exitCode = isWell ? 0 : status || 1
