// The walls of docs/house.md: who may import whom, and what may be named where. Each finding names
// the room where the line belongs.
import { dirname, join } from 'node:path/posix'
import { expect, test } from 'vitest'
import { filesUnder, projectFiles, root, textOf } from './files.ts'

/**
 * A room of lib/: the files it holds, and the modules of lib/ (without `.ts`, a folder ends in `/`)
 * that they may import besides the room itself.
 */
interface Room {
  readonly holds: RegExp
  readonly mayImport: readonly string[]
  readonly why: string
}

/** Every file that stands directly in lib/, except index.ts. */
const leaves = '*.ts'

function isAllowed(target: string, entry: string): boolean {
  if (entry === leaves) return !target.includes('/') && target !== 'index'
  return entry === '' || entry.endsWith('/') ? target.startsWith(entry) : target === entry
}

// The first room that holds a file is its room.
const rooms: readonly Room[] = [
  { holds: /^index\.ts$/, mayImport: [''], why: 'index.ts only gathers what is public' },
  {
    holds: /^binding\//,
    mayImport: ['binding/'],
    why: 'the binding knows nothing of lib: put it into lib/raw/'
  },
  { holds: /^errno\//, mayImport: ['errno/'], why: 'errno/ is pure data' },
  { holds: /^slots\.ts$/, mayImport: [], why: 'slots.ts is a data structure that knows no socket' },
  {
    holds: /^[a-z0-9-]+\.ts$/,
    mayImport: [leaves, 'binding/', 'errno/'],
    why: 'what stands directly in lib/ serves every floor and knows none: put it into lib/raw/, lib/poller/ or lib/helpers/'
  },
  {
    holds: /^raw\//,
    mayImport: ['raw/', 'binding/', leaves],
    why: 'the raw floor knows no poller: put it into lib/poller/'
  },
  {
    holds: /^poller\/backends\//,
    mayImport: ['poller/', 'binding/', 'raw/', leaves],
    why: 'a backend is the seam between poller/ and the binding: helpers stand above it, in lib/helpers/'
  },
  {
    holds: /^poller\//,
    mayImport: [
      'poller/',
      // What is the same on every system: the layout of a batch, the socket calls, the options.
      'binding/records',
      'binding/socket',
      'binding/load',
      'raw/socket',
      'raw/options',
      'raw/socket-calls',
      'raw/waker',
      leaves
    ],
    why: "the poller reaches a system's own objects only through backend.ts: put it into lib/poller/backends/"
  },
  {
    holds: /^helpers\//,
    mayImport: [
      'helpers/',
      'poller/poller',
      'poller/events',
      'poller/tcp-connection',
      'poller/tcp-listener',
      'poller/options',
      leaves
    ],
    why: 'helpers are written on the public Poller and its sockets alone, as a user could write them'
  },
  {
    holds: /^simulation\//,
    mayImport: [
      'simulation/',
      'poller/poller',
      'poller/options',
      'poller/backend',
      'poller/batch-memory',
      'poller/grown-array',
      'poller/outbox',
      'raw/options',
      'raw/socket-calls',
      'raw/waker',
      'binding/records',
      'binding/socket',
      leaves
    ],
    why: 'a simulated network is a backend of the poller and its world: it needs no system'
  },
  {
    holds: /^websocket\//,
    mayImport: [
      'websocket/',
      'helpers/duplex',
      'poller/poller',
      'poller/events',
      'poller/tcp-connection',
      'poller/tcp-listener',
      'poller/options',
      leaves
    ],
    why: 'WebSockets are a helper with an entrance of its own: written on the public Poller and its sockets'
  }
]

/** The specifiers that a TypeScript file imports or re-exports, types included. */
function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  return [...code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1] as string
  )
}

function includesOf(text: string): string[] {
  return [...text.matchAll(/^\s*#\s*include\s*([<"][^>"]+[>"])/gm)].map(
    (match) => match[1] as string
  )
}

test('every module of lib imports only from the rooms below its own', () => {
  const findings: string[] = []
  for (const path of filesUnder('lib', '.ts')) {
    const module = path.slice('lib/'.length)
    const room = rooms.find((candidate) => candidate.holds.test(module))
    if (room === undefined) {
      findings.push(`${path} stands in no room: see "Which room?" in docs/house.md`)
      continue
    }
    for (const specifier of importsOf(textOf(path))) {
      if (specifier.startsWith('node:')) continue
      if (!specifier.startsWith('.')) {
        if (module === 'binding/load.ts' && specifier === 'node-gyp-build') continue
        findings.push(
          `${path} imports ${specifier}: only binding/load.ts has a dependency, node-gyp-build`
        )
        continue
      }
      const target = join(dirname(module), specifier).replace(/\.ts$/, '')
      const allowed = room.mayImport.some((entry) => isAllowed(target, entry))
      if (!allowed) findings.push(`${path} imports lib/${target}: ${room.why}`)
    }
  }
  expect(findings).toEqual([])
})

test('a backend binds its own system only', () => {
  const findings: string[] = []
  for (const [system, other] of [
    ['epoll', 'iocp'],
    ['iocp', 'epoll']
  ]) {
    for (const path of [`lib/poller/backends/${system}.ts`, `lib/raw/${system}.ts`]) {
      if (!projectFiles.includes(path)) continue
      for (const specifier of importsOf(textOf(path))) {
        if (specifier.endsWith(`/${other}.ts`))
          findings.push(
            `${path} imports ${specifier}: what both systems share goes to lib/poller/backend.ts`
          )
      }
    }
  }
  expect(findings).toEqual([])
})

test('examples and bench reach the package by its name only', () => {
  const findings: string[] = []
  for (const path of [
    ...filesUnder('examples', '.ts', '.mjs'),
    ...filesUnder('bench', '.ts', '.mjs')
  ]) {
    for (const specifier of importsOf(textOf(path))) {
      if (!specifier.startsWith('.')) continue
      const target = join(dirname(path), specifier)
      if (/^(lib|dist|native|build)\//.test(target))
        findings.push(`${path} imports ${target}: import 'pollport' as a user does`)
    }
  }
  expect(findings).toEqual([])
})

test('a package of packages/ reaches pollport by its name only', () => {
  const findings: string[] = []
  for (const path of filesUnder('packages', '.ts', '.mjs')) {
    const [, name] = path.split('/')
    for (const specifier of importsOf(textOf(path))) {
      if (!specifier.startsWith('.')) continue
      const target = join(dirname(path), specifier)
      if (!target.startsWith(`packages/${name}/`))
        findings.push(`${path} imports ${target}: import 'pollport' as a user does`)
    }
  }
  expect(findings).toEqual([])
})

test('lib asks which objects the addon exports, never which system it is on', () => {
  const findings = filesUnder('lib', '.ts')
    .filter((path) => path !== 'lib/binding/load.ts') // its error message names the system
    .filter((path) =>
      /\bprocess\s*\.\s*(platform|arch)\b|\bos\s*\.\s*(platform|type)\s*\(/.test(textOf(path))
    )
    .map((path) => `${path} asks for the system: ask lib/binding/load.ts for the object instead`)
  expect(findings).toEqual([])
})

test('lib has the time and turns of Node’s loop from rooms of its own, since a test may have faked Node’s', () => {
  // A method of that name is a declaration: its first parameter has a type.
  const asks =
    /\bnode:(timers|perf_hooks)\b|(?<![.\w#])(setTimeout|setInterval|setImmediate|queueMicrotask)\s*\((?!\w+\??:)|\bprocess\s*\.\s*(nextTick|hrtime)\b|\bperformance\s*\.\s*now\b|\bDate\s*\.\s*now\b|\bnew Date\b/
  const findings = filesUnder('lib', '.ts')
    .filter((path) => path !== 'lib/turns.ts')
    .filter((path) => asks.test(textOf(path).replace(/^\s*(\/\/|\/?\*).*$/gm, '')))
    .map(
      (path) =>
        `${path} asks Node: ask lib/clock.ts for the time, lib/turns.ts for a callback later`
    )
  expect(findings).toEqual([])
})

test('lib has randomness from the seed of a simulation, or from Node where a system has to', () => {
  const rooms = ['lib/websocket/codec-options.ts', 'lib/websocket/client-handshake.ts']
  const findings = filesUnder('lib', '.ts').flatMap((path) => {
    const code = textOf(path).replace(/^\s*(\/\/|\/?\*).*$/gm, '')
    if (/\bMath\s*\.\s*random\b/.test(code))
      return `${path} calls Math.random(): take it from a seed`
    const asksNode = /\b(random(Bytes|Fill|FillSync|Int|UUID)|getRandomValues)\b/.test(code)
    return asksNode && !rooms.includes(path)
      ? `${path} asks Node for randomness: a simulation needs it from Poller._randomInt32`
      : []
  })
  expect(findings).toEqual([])
})

test('every native file includes only what its room may know', () => {
  const findings: string[] = []
  // C++'s own headers have no dot; C's that every compiler ships are allowed by name.
  const isStandard = (header: string) => /^<[a-z_0-9]+>$/.test(header)
  const isNodeApi = (header: string) =>
    /^[<"](napi\.h|node_api\.h|js_native_api\.h)[>"]$/.test(header)
  for (const path of filesUnder('native', '.h', '.cc')) {
    const room = path.split('/').length === 2 ? 'addon' : (path.split('/')[1] as string)
    for (const header of includesOf(textOf(path))) {
      if (isStandard(header)) continue
      if (isNodeApi(header)) {
        if (room !== 'binding' && room !== 'addon')
          findings.push(`${path} includes ${header}: Node-API belongs to native/binding/`)
        continue
      }
      if (header.startsWith('<')) {
        const systemRoom = room === 'linux' || path === 'native/windows/win.h'
        if (!systemRoom)
          findings.push(
            `${path} includes ${header}: system headers belong to native/linux/ or native/windows/win.h`
          )
        continue
      }
      // Project headers are named from native/ or from the including file's folder.
      const named = header.slice(1, -1)
      const target = ['', `${dirname(path)}/`, 'native/']
        .map((base) => join(base, named))
        .find((p) => projectFiles.includes(p))
      if (target === undefined) {
        findings.push(`${path} includes ${header}, which is no file of the project`)
        continue
      }
      const targetRoom = target.split('/').length === 2 ? 'addon' : (target.split('/')[1] as string)
      const allowed: Record<string, readonly string[]> = {
        addon: ['binding', 'contract'],
        binding: ['binding', 'contract', 'linux', 'windows'],
        contract: ['contract'],
        linux: ['linux', 'contract'],
        windows: ['windows', 'contract']
      }
      if (!allowed[room]?.includes(targetRoom)) {
        findings.push(
          `${path} includes ${target}: ${room} may include ${allowed[room]?.join(', ')}; what both systems supply stands in native/contract/`
        )
      }
    }
  }
  expect(findings).toEqual([])
})

test('native code names Node-API in native/binding and native/addon.cc only', () => {
  const findings = filesUnder('native', '.h', '.cc')
    .filter((path) => !path.startsWith('native/binding/') && path !== 'native/addon.cc')
    .filter((path) => /\bNapi::|\bnapi_[a-z]/.test(textOf(path).replace(/\/\/.*$/gm, '')))
    .map((path) => `${path} names Node-API: put it into native/binding/`)
  expect(findings).toEqual([])
})

test('the build picks the files: no native file asks by #if which system it is on', () => {
  const findings: string[] = []
  for (const path of filesUnder('native', '.h', '.cc')) {
    for (const [line] of textOf(path).matchAll(/^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*$/gm)) {
      if (
        /\b(_WIN32|_WIN64|WIN32|__linux__|__linux|__unix__|__APPLE__|__MINGW32__|__CYGWIN__)\b/.test(
          line
        )
      ) {
        findings.push(
          `${path}: ${line.trim()}: put each half into native/linux/ and native/windows/`
        )
      }
    }
  }
  expect(findings).toEqual([])
})

test('every source file says at its head what it is', () => {
  const sources = ['lib', 'native', 'scripts', 'examples', 'bench'].flatMap((folder) =>
    filesUnder(folder, '.ts', '.mjs', '.h', '.cc')
  )
  const findings = sources
    .filter((path) => !/^(#!.*\n)?\/[/*]/.test(textOf(path)))
    .map(
      (path) =>
        `${path} begins without a comment: one to five lines, what it is and what it refuses to know`
    )
  expect(findings).toEqual([])
})

test('no file of the project names a registry or a path of one machine', () => {
  const registries = [
    ['registry', 'npmjs', 'org'],
    ['registry', 'yarnpkg', 'com'],
    ['deb', 'debian', 'org']
  ].map((parts) => parts.join('.'))
  const homes = /(?:^|[\s"'`(=:])\/(?:root|home|Users)\/[A-Za-z0-9._-]+/
  const findings: string[] = []
  for (const path of projectFiles) {
    const text = textOf(path)
    for (const host of registries) if (text.includes(host)) findings.push(`${path} names ${host}`)
    if (text.includes(root)) findings.push(`${path} names the folder of this checkout`)
    const home = homes.exec(text)
    if (home) findings.push(`${path} names a path of one machine:${home[0]}`)
  }
  expect(findings).toEqual([])
  for (const lock of ['package-lock.json', 'bench/extras/package-lock.json']) {
    // A link to a folder of the project may be.
    expect(textOf(lock)).not.toMatch(/"resolved": "[a-z+]+:/)
  }
})
