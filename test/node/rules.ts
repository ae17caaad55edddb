// Which of Node's tests are run: those of these modules, but for what no other transport can give,
// judged by their text.

/** Whose tests they are: the files of `test/parallel/` that bear the name. */
export const modules = ['net', 'http', 'https', 'tls', 'http2', 'stream']

interface Rule {
  readonly reason: string
  readonly is: RegExp
}

const rules: readonly Rule[] = [
  { reason: 'Unix sockets and named pipes', is: /common\.PIPE\b|\bPIPE\b/ },
  { reason: 'cluster', is: /require\('(node:)?cluster'\)/ },
  {
    reason: 'another process',
    is: /\bfork\(|common\.spawnPromisified|spawnSync?\(|execFile\(|\bexec\(/
  },
  {
    reason: 'names that need DNS',
    is: /require\('(node:)?dns(\/promises)?'\)|\blookup[:(]|common\/internet/
  },
  {
    reason: "net's own handles",
    is: /\b_handle\b|\binternalBinding\(|\bprocess\.binding\(|_getActiveHandles|_rawDebug\(/
  },
  { reason: 'net.Socket itself', is: /Socket\.prototype\.connect\b/ },
  { reason: 'file descriptors', is: /\bfd: |\.fd\b|\bonread\b/ },
  { reason: 'async_hooks of handles', is: /initHooks|createHook\(/ }
]

/** Why this test is not run, or undefined. */
export function reasonToSkip(text: string): string | undefined {
  return rules.find(({ is }) => is.test(text))?.reason
}
