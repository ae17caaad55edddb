// Fuzzing, guided by coverage: npm run fuzz [-- target… --seconds 60 --keep --publish], or npm run
// fuzz -- target input… to run inputs again. Targets are the files of test/fuzz/targets
// (TypeScript, without sanitizers) and of test/fuzz/native (C++, under AddressSanitizer and
// UndefinedBehaviorSanitizer). libFuzzer drives both. --keep puts what was found into
// test/fuzz/corpus, minimised. Findings end with status 1.
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { publish } from './figures.ts'
import { fail, needTools, root, run } from './tools.mjs'

const folder = join(root, 'test', 'fuzz')
const build = join(root, 'build-fuzz')
const findings = join(build, 'findings')
// Debian 12's; its libraries of the sanitizers and of libFuzzer are a package of their own.
const compiler = 'clang++-14'
const runtime = '/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer_no_main-x86_64.a'
// An input is slow when it takes as long as ten thousand others together.
const limits = ['-timeout=25', '-rss_limit_mb=2048', '-print_funcs=0']

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    keep: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false }
  }
})
const seconds = Number(options.seconds)
if (!(seconds >= 1)) fail(`--seconds ${options.seconds}: a number of seconds, 1 or more`)

const filesIn = (path) => readdirSync(path, { recursive: true }).map((name) => join(path, name))
const namesIn = (kind, ending) =>
  filesIn(join(folder, kind))
    .filter((file) => file.endsWith(ending))
    .map((file) => relative(join(folder, kind), file).slice(0, -ending.length))
    .sort()

/**
 * What a target is called, how it is run, and the corpus it lives on: one for both languages where
 * they read the same inputs.
 */
const targets = [
  ...namesIn('targets', '.ts').map((name) => ({ name, corpus: name, ...javascript(name) })),
  ...namesIn('native', '.cc').map((name) => ({
    name: `native-${name}`,
    corpus: name,
    ...native(name)
  }))
]

function javascript(name) {
  const engine = join(build, 'engine.node')
  const command = [
    process.execPath,
    '--enable-source-maps',
    join(folder, 'engine', 'javascript.mjs'),
    name,
    engine
  ]
  const napi = ['node-addon-api', 'node-api-headers/include'].map(
    (path) => `-isystem${join(root, 'node_modules', path)}`
  )
  const flags = [
    '-O2',
    '-shared',
    '-fPIC',
    '-DNAPI_VERSION=8',
    '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
    ...napi
  ]
  return {
    command,
    prepare: () => compile(engine, [join(folder, 'engine', 'engine.cc'), runtime], flags)
  }
}

function native(name) {
  const program = join(build, `native-${name}`)
  const sources = ['linux', 'contract'].flatMap((room) => filesIn(join(root, 'native', room)))
  const sanitizers = [
    '-fsanitize=fuzzer,address,undefined',
    '-fno-sanitize-recover=undefined',
    '-fno-omit-frame-pointer'
  ]
  const inputs = [
    join(folder, 'native', `${name}.cc`),
    join(folder, 'native', 'input.h'),
    ...sources
  ]
  return {
    command: [program],
    prepare: () => compile(program, inputs, ['-g', '-O1', '-fno-rtti', ...sanitizers])
  }
}

function compile(output, inputs, flags) {
  const isFresh =
    existsSync(output) &&
    inputs.every((input) => statSync(input).mtimeMs <= statSync(output).mtimeMs)
  if (isFresh) return
  console.log(`fuzz: compiling ${relative(root, output)}`)
  const given = inputs.filter((input) => !input.endsWith('.h'))
  const rules = ['-std=c++20', '-fno-exceptions', '-Wall', '-Wextra', '-Werror']
  run(
    compiler,
    [...rules, ...flags, ...given, '-o', output],
    `${relative(root, output)} was not built`
  )
}

function corpusOf({ corpus }) {
  const path = join(folder, 'corpus', corpus)
  mkdirSync(path, { recursive: true })
  return path
}

/**
 * Runs a target for its time. What is new is kept in build-fuzz/, so that the next run begins where
 * this one ended.
 */
async function fuzz(target) {
  const found = join(build, 'corpus', target.name)
  mkdirSync(found, { recursive: true })
  const dictionary = join(folder, 'dictionaries', target.corpus)
  const args = [
    ...limits,
    `-max_total_time=${seconds}`,
    '-print_final_stats=1',
    `-artifact_prefix=${findings}/${target.name}-`,
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
    found,
    corpusOf(target)
  ]
  const child = spawn(target.command[0], [...target.command.slice(1), ...args], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let log = ''
  // A few kB a minute.
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log += chunk))
  const status = await new Promise((end) => child.on('close', (code) => end(code ?? 1)))
  const last = (pattern) => Number([...log.matchAll(pattern)].at(-1)?.[1] ?? 0)
  const result = {
    target,
    executions: last(/number_of_executed_units:\s+(\d+)/g),
    counters: last(/ cov: (\d+)/g),
    instrumented: last(/Loaded 1 modules\s+\((\d+) inline/g),
    kept: readdirSync(corpusOf(target)).length,
    failed: status !== 0
  }
  const { executions, counters, instrumented, kept } = result
  console.log(
    `fuzz: ${target.name}: ${executions} executions, ${counters} of ${instrumented} counters, ${kept} inputs kept`
  )
  if (result.failed) {
    writeFileSync(join(findings, `${target.name}.log`), log)
    console.error(log.slice(-6000))
    const input = /Test unit written to (\S+)/.exec(log)?.[1]
    console.error(
      input && `fuzz: run it again by   npm run fuzz -- ${target.name} ${relative(root, input)}`
    )
  }
  return result
}

/** Puts the smallest set of inputs that reaches all that is reached by any into the kept corpus. */
function keep(sharing) {
  const path = corpusOf(sharing[0])
  const merged = join(build, 'merged')
  rmSync(merged, { recursive: true, force: true })
  for (const target of sharing) {
    const into = join(merged, target.name)
    mkdirSync(into, { recursive: true })
    const args = ['-set_cover_merge=1', ...limits, into, path, join(build, 'corpus', target.name)]
    run(
      target.command[0],
      [...target.command.slice(1), ...args],
      `the corpus of ${target.name} was not minimised`
    )
  }
  rmSync(path, { recursive: true })
  mkdirSync(path)
  for (const file of filesIn(merged).filter((one) => statSync(one).isFile()))
    renameSync(file, join(path, file.split('/').at(-1)))
  console.log(`fuzz: ${relative(root, path)} has ${readdirSync(path).length} inputs`)
}

if (process.platform !== 'linux' || process.arch !== 'x64') fail('fuzzing needs Linux on x64')
needTools({ [compiler]: 'clang-14', [runtime]: 'libclang-rt-14-dev' })
mkdirSync(findings, { recursive: true })
const named = (target) => positionals.includes(target.name)
const inputs = positionals.filter((word) => !targets.some(({ name }) => name === word))
const chosen = targets.some(named) ? targets.filter(named) : targets
for (const input of inputs) {
  if (!existsSync(input))
    fail(`${input} is neither an input nor a target: ${targets.map(({ name }) => name).join(', ')}`)
}
for (const { prepare } of chosen) prepare()

if (inputs.length > 0) {
  if (chosen.length !== 1) fail('which target? npm run fuzz -- target input…')
  const [{ command }] = chosen
  process.exit(
    spawnSync(command[0], [...command.slice(1), ...inputs.map((path) => resolve(path))], {
      stdio: 'inherit'
    }).status ?? 1
  )
}

const waiting = [...chosen]
const results = []
async function work() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
    results.push(await fuzz(next))
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
const failed = results.filter((result) => result.failed)
if (options.keep && failed.length === 0) {
  for (const corpus of new Set(chosen.map((target) => target.corpus)))
    keep(targets.filter((one) => one.corpus === corpus))
}
if (options.publish) {
  for (const { target, executions, counters, instrumented, failed: hasFinding } of results) {
    publish(`fuzz-${target.name}`, {
      table: 'Fuzzing',
      column: target.name,
      command: `npm run fuzz -- ${target.name} --seconds ${seconds} --publish`,
      rows: [
        ['executions', executions],
        ['branches reached', `${counters} of ${instrumented}`],
        ['inputs kept', readdirSync(corpusOf(target)).length],
        ['findings', hasFinding ? 1 : 0]
      ]
    })
  }
}
if (failed.length > 0)
  fail(
    `findings: ${failed.map(({ target }) => target.name).join(', ')}; the inputs are in build-fuzz/findings`
  )
