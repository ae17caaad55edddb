// Debian's mirror as this machine's apt has it, and files from there whose checksums Debian's
// archive key vouches for. Linux only.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, needTools, run } from './tools.mjs'

// The first Debian whose Wine (10) starts Node 24 and loads Vite's native parts, and whose Node is
// of the line that pollport starts with.
export const debian = 'trixie'

const archiveKeys = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Debian's mirror as this machine's apt has it. Ubuntu's has none: undefined. */
export function debianMirror() {
  const mirrors = run(
    'apt-get',
    ['indextargets', '--format', '$(LABEL) $(REPO_URI)'],
    'apt could not be asked'
  )
  // The label is Debian's own; that of its security updates, which holds a part of the packages
  // only, is Debian-Security.
  const own = mirrors.split('\n').find((line) => line.startsWith('Debian '))
  return own?.slice('Debian '.length)
}

/**
 * Downloads with apt's own settings (proxies and the like); without `sha256` the caller must check
 * what came.
 */
function download(url, file, sha256) {
  const checksum = sha256 === undefined ? [] : [`SHA256:${sha256}`]
  run(
    '/usr/lib/apt/apt-helper',
    ['download-file', url, file, ...checksum],
    `${file} could not be downloaded`
  )
}

/** The checksum of a file in a list of "checksum size name" lines. */
function checksumIn(list, isName) {
  const lines = list.split('\n').map((line) => line.trim().split(/\s+/))
  const found = lines.find(
    ([sha256, , name]) => sha256?.length === 64 && name !== undefined && isName(name)
  )
  return found === undefined ? undefined : { sha256: found[0], name: found[2] }
}

/**
 * Fetches what upstream released (`.orig.tar.xz`) of a source package into `folder`, and returns
 * the file and Debian's version of it. Each step is checked by the one before: the release by
 * Debian's keys, the index by the release, the file by the index.
 */
export function fetchUpstreamSource(name, folder) {
  needTools({
    '/usr/lib/apt/apt-helper': 'apt',
    xz: 'xz-utils',
    gpgv: 'gpgv',
    [archiveKeys]: 'debian-archive-keyring'
  })
  const mirror = debianMirror()
  if (mirror === undefined)
    fail(`apt knows no mirror of Debian's here, and ${name}'s source comes from there`)
  const at = (path) => new URL(path, mirror).href
  const [signed, release, index] = ['InRelease', 'Release', 'Sources.xz'].map((file) =>
    join(folder, file)
  )
  download(at(`dists/${debian}/InRelease`), signed)
  run(
    'gpgv',
    ['--keyring', archiveKeys, '--output', release, signed],
    `Debian's keys do not vouch for ${debian}'s release`
  )
  const listed = checksumIn(
    readFileSync(release, 'utf8'),
    (file) => file === 'main/source/Sources.xz'
  )
  if (listed === undefined) fail(`${debian}'s release lists no index of its sources`)
  download(at(`dists/${debian}/${listed.name}`), index, listed.sha256)
  const stanzas = run('xz', ['-dc', index], `${debian}'s index of sources is broken`).split('\n\n')
  const stanza = stanzas.find((text) => text.startsWith(`Package: ${name}\n`))
  if (stanza === undefined) fail(`${debian} has no source package ${name}`)
  const field = (key) => new RegExp(`^${key}:\\s*(.*(?:\\n .*)*)`, 'm').exec(stanza)?.[1]
  const upstream = checksumIn(field('Checksums-Sha256') ?? '', (file) =>
    /\.orig\.tar\.xz$/.test(file)
  )
  if (upstream === undefined) fail(`${debian}'s source package ${name} has no .orig.tar.xz`)
  const file = join(folder, upstream.name)
  download(at(`${field('Directory')}/${upstream.name}`), file, upstream.sha256)
  for (const done of [signed, release, index]) rmSync(done)
  return { file, version: field('Version') }
}
