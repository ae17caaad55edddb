// A command, a message, an event of a game or a call between threads that nobody handles does not
// compile: the compiler is given the lobby with one more of each.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const lobby = join(root, 'examples', 'lobby')

/** Where one more member of a union goes, and what must then complain. */
const unions = [
  {
    what: 'a command of a player',
    file: 'wire/protocol.ts',
    after: 'export type Command =\n',
    member: "  | { type: 'dance'; partner: string }\n",
    complains: ['rules/lobby.ts']
  },
  {
    what: 'a message to players',
    file: 'wire/protocol.ts',
    after: 'export type ServerMessage =\n',
    member: "  | { type: 'danced'; partner: string }\n",
    complains: ['bots/client.ts', 'web/state.js']
  },
  {
    what: 'a datagram of a player',
    file: 'wire/datagram.ts',
    after: 'export type FromPlayer =\n',
    member: "  | { kind: 'dance'; token: string }\n",
    complains: ['gateway/udp-paths.ts', 'wire/datagram.ts']
  },
  {
    what: 'an event of a game',
    file: 'games/cards/rules.ts',
    after: 'export type CardsEvent =\n',
    member: "  | { type: 'cheated'; player: number }\n",
    complains: ['games/cards/index.ts', 'games/cards/page.js']
  },
  {
    what: 'what a worker is asked',
    file: 'gateway/links.ts',
    after: 'export type GatewayCall =\n',
    member: "  | readonly ['dance', partner: number]\n",
    complains: ['gateway/gateway-thread.ts']
  },
  {
    what: 'what a worker reports',
    file: 'gateway/links.ts',
    after: 'export type HubCall =\n',
    member: "  | readonly ['danced', partner: number]\n",
    complains: ['gateway/remote-gateway.ts']
  }
]

const { config } = ts.readConfigFile(join(lobby, 'web', 'tsconfig.json'), ts.sys.readFile)
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, join(lobby, 'web'))
const programs = ['main.ts', 'gateway/gateway-thread.ts', 'web/main.js', 'games/cards/page.js']
const entries = programs.map((path) => join(lobby, path))
/** Of the files that are the same every time. */
const parsed = new Map<string, ts.SourceFile | undefined>()

/** Which of these files do not compile when `file` has another text. */
function complaints(paths: string[], file: string, change: (text: string) => string): string[] {
  const changed = join(lobby, file)
  const host = ts.createCompilerHost(options)
  const read = host.getSourceFile.bind(host)
  host.getSourceFile = (name, ...rest) => {
    if (join(name) === changed)
      return ts.createSourceFile(name, change(ts.sys.readFile(name) ?? ''), rest[0])
    if (!parsed.has(name)) parsed.set(name, read(name, ...rest))
    return parsed.get(name)
  }
  const program = ts.createProgram(entries, { ...options, noEmit: true }, host)
  return paths.filter((path) => {
    const source = program
      .getSourceFiles()
      .find(({ fileName }) => join(fileName) === join(lobby, path))
    if (source === undefined) throw new Error(`${path} is no part of the lobby`)
    return program.getSemanticDiagnostics(source).length > 0
  })
}

test('as it is, the lobby compiles', { timeout: 120_000 }, () => {
  const paths = unions.flatMap(({ complains }) => complains)
  expect(complaints(paths, 'wire/protocol.ts', (text) => text)).toEqual([])
})

test.each(unions)('$what that nobody handles does not compile', { timeout: 120_000 }, (union) => {
  const { file, after, member, complains } = union
  const found = complaints(complains, file, (text) => {
    expect(text).toContain(after)
    return text.replace(after, after + member)
  })
  expect(found).toEqual(complains)
})
