// Node's own tests, from Debian's source package of Node 20, in the cache outside of the checkout.
// Nothing of them is in the project.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeOnce } from '../../scripts/cache.mjs'
import { debian, fetchUpstreamSource } from '../../scripts/debian.mjs'
import { needTools, run } from '../../scripts/tools.mjs'
import { modules } from './rules.ts'

// Change it when what is unpacked changes: each has a folder of its own, so that no half-old one is
// used.
const recipe = 1

/** The folder that holds `test/`, and `version`, a file with Debian's version of the package. */
export function fetchNodeTests() {
  return makeOnce(
    `node-tests-${debian}-${recipe}`,
    "fetching Node's own tests (Debian's nodejs source, 20 MB)",
    (folder) => {
      needTools({ tar: 'tar' })
      const download = join(folder, 'download')
      mkdirSync(download)
      const { file, version } = fetchUpstreamSource('nodejs', download)
      const wanted = ['common', 'fixtures', ...modules.map((name) => `parallel/test-${name}[-.]*`)]
      const patterns = wanted.map((pattern) => `*/test/${pattern}`)
      const unpack = [
        '--extract',
        '--xz',
        '--file',
        file,
        '--directory',
        folder,
        '--strip-components=1'
      ]
      // By the first folder's name: deps/ has tests of its own.
      const options = ['--anchored', '--wildcards', '--no-wildcards-match-slash', '--no-same-owner']
      run('tar', [...unpack, ...options, ...patterns], "Node's tests could not be unpacked")
      rmSync(download, { recursive: true })
      writeFileSync(join(folder, 'version'), version)
    }
  )
}
