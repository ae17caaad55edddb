// Loads the addon, once for each thread, and says in full what is wrong if it cannot. Importing
// never throws: only using does.
import { dirname } from 'node:path'
import type { ClockBinding } from './clock.ts'
import type { DescriptorBinding } from './descriptor.ts'
import type { EpollBinding } from './epoll.ts'
import type { ExchangeBinding } from './exchange.ts'
import type { IocpBinding } from './iocp.ts'
import type { LoopWatchBinding } from './loop-watch.ts'
import { BATCH_CALLS, KIND, OUTBOX, PACKED_ADDRESS, RECORD, RELEASE, WATCH } from './records.ts'
import type { SocketBinding } from './socket.ts'
import type { WakerBinding } from './waker.ts'

/** What the addon exports; the objects of one system only in that system's build. */
export type Addon = ClockBinding &
  SocketBinding &
  WakerBinding &
  LoopWatchBinding &
  ExchangeBinding &
  Partial<DescriptorBinding> &
  Partial<EpollBinding> &
  Partial<IocpBinding> & {
    readonly backend: 'epoll' | 'iocp'
    readonly layout: object
    /** How many bytes into its page of 4 KiB the first byte lies. */
    pageOffset(bytes: Uint8Array): number
  }

const expectedLayout = {
  recordStride: RECORD.stride,
  outboxStride: OUTBOX.stride,
  packedAddressBytes: PACKED_ADDRESS.bytes,
  kinds: KIND,
  watch: WATCH,
  release: RELEASE,
  batchCalls: BATCH_CALLS
}

let failure: Error | undefined

/** The addon, or undefined where there is none. */
export const loaded: Addon | undefined = load()

/**
 * Whether pollport works on this system: false where its native addon cannot be loaded. Importing
 * the package works all the same; constructors throw the reason.
 * @category Common
 */
export const supported: boolean = loaded !== undefined

/**
 * The mechanisms that a {@link Poller} can use on this system: `['epoll']` on Linux, `['iocp']` on
 * Windows, `[]` where pollport is not {@link supported}.
 * @category Common
 */
export const backends: readonly string[] = Object.freeze(
  loaded === undefined ? [] : [loaded.backend]
)

/** The addon; throws the reason where there is none. */
export function addon(): Addon {
  if (loaded === undefined) throw failure
  return loaded
}

function load(): Addon | undefined {
  let root = 'the folder of pollport'
  try {
    const manifest = find('pollport/package.json')
    root = dirname(manifest)
    const found = requireAt(manifest)('node-gyp-build')(root) as Addon
    if (sorted(found.layout) === sorted(expectedLayout)) return found
    failure = coded(
      'ERR_ADDON_MISMATCH',
      `pollport's native addon was built from other sources than its TypeScript. Run 'npm run build:native' in ${root}`
    )
  } catch (error) {
    failure = whyMissing(root, error as Error)
  }
  return undefined
}

/**
 * Where the package is: its own name leads to it from inside, and from any place that has it
 * installed.
 */
function find(name: string): string {
  // A bundler may have put this file elsewhere: `import.meta` is empty then (esbuild, for CommonJS)
  // or says where it was (webpack).
  const places = [import.meta.url, process.argv[1]]
  let failed: unknown
  for (const place of places) {
    try {
      if (place) return requireAt(place).resolve(name)
    } catch (error) {
      failed ??= error
    }
  }
  throw failed ?? new Error('nothing says where this program is')
}

function requireAt(place: string): NodeJS.Require {
  // Not imported: webpack follows an imported createRequire, and fails at a path that it cannot
  // know; Jest replaces it.
  return process.getBuiltinModule('node:module').createRequire(place)
}

function whyMissing(root: string, error: Error): Error {
  // The words alone depend on the system; what the library does depends on what the addon exports.
  const { platform, arch } = process
  if (platform !== 'linux' && platform !== 'win32') {
    return coded(
      'ERR_UNSUPPORTED_PLATFORM',
      `pollport supports Linux (epoll) and Windows (I/O completion ports), not ${platform}-${arch}`
    )
  }
  const libc =
    platform === 'linux'
      ? (process.report?.getReport() as { header?: { glibcVersionRuntime?: string } })?.header
          ?.glibcVersionRuntime
        ? ' (glibc)'
        : ' (musl)'
      : ''
  if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') {
    return coded(
      'ERR_ADDON_NOT_FOUND',
      "pollport's native addon could not be loaded, since the package is not installed where the program runs. " +
        `In a bundle, keep 'pollport' external or install it beside the bundle. Node said: ${error.message.split('\n')[0]}`,
      error
    )
  }
  return coded(
    'ERR_ADDON_NOT_FOUND',
    `pollport's native addon for ${platform}-${arch}${libc} could not be loaded. Tried build/Release, build/Debug and prebuilds/${platform}-${arch} in ${root}. ` +
      `With a C++20 compiler and Python, 'npm run build:native' in that folder builds it. The loader said: ${error.message}`,
    error
  )
}

function coded(code: string, message: string, cause?: Error): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code })
}

/** As text that does not depend on the order of keys. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, part) =>
    part !== null && typeof part === 'object'
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part
  )
}
