// Which glibc a binary needs, as the binary itself says: by the versions of the symbols that it
// takes from libraries. readelf knows every architecture, whatever this machine's is.
import { fail, needTools, run } from './tools.mjs'

/** The same as Node 20's and 22's own: RHEL 8, Debian 10, Ubuntu 20.04. */
export const promisedGlibc = '2.28'

/** Versions as numbers: 2.4 comes before 2.28. */
function isNewer(version, than) {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number))
  for (const [index, part] of a.entries()) {
    if (part !== (b[index] ?? 0)) return part > (b[index] ?? 0)
  }
  return false
}

/** Why the binary would not load on the promised glibc, or undefined. */
export function whyNotOnPromisedGlibc(file) {
  needTools({ readelf: 'binutils' })
  const dynamic = run('readelf', ['--dynamic', '--wide', file], 'readelf could not read the binary')
  const strangers = [...dynamic.matchAll(/\(NEEDED\).*\[(\S+)\]/g)]
    .map((match) => match[1])
    .filter((name) => !/^(lib(c|m|pthread|dl|rt)|ld-linux.*)\.so\.\d$/.test(name))
  if (strangers.length > 0) return `it needs ${strangers.join(', ')}, which not every system has`
  // The linker's own demands bear names such as GLIBC_ABI_DT_RELR and stand beside no symbol; the
  // first came with 2.36.
  const versions = run(
    'readelf',
    ['--version-info', '--wide', file],
    'readelf could not read the binary'
  )
  if (!versions.includes('GLIBC_')) return 'it takes nothing from glibc, so it is not made for it'
  if (versions.includes('GLIBC_ABI_')) return 'it was linked with -z pack-relative-relocs'
  const symbols = run(
    'readelf',
    ['--dyn-syms', '--wide', file],
    'readelf could not read the binary'
  ).split('\n')
  const tooNew = symbols.flatMap((symbol) => {
    const [, name, version] = /(\S+)@GLIBC_([\d.]+)/.exec(symbol) ?? []
    return version !== undefined && isNewer(version, promisedGlibc)
      ? [`${name} (glibc ${version})`]
      : []
  })
  return tooNew.length === 0 ? undefined : `it needs ${tooNew.join(', ')}`
}

/**
 * Ends with a sentence when the binary would not load on the promised glibc; `beforeFailing` is the
 * last that happens before.
 */
export function checkGlibc(file, beforeFailing = () => {}) {
  const reason = whyNotOnPromisedGlibc(file)
  if (reason === undefined) return
  beforeFailing()
  fail(
    `${file} would not load on glibc ${promisedGlibc}: ${reason}. Build it where glibc is old, as prebuild.yml does; ` +
      'or do without, or add it to scripts/old-glibc.c'
  )
}
