// The checkout as a package, with the addon that it was built with in the place of the prebuilt
// ones: for trying what a stranger installs, on this machine.
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './cache.mjs'
import { npm, root, run } from './tools.mjs'

/** Returns the folder with the tarball, which is gone when this process ends. */
export function packCheckout() {
  run(process.execPath, ['scripts/setup.mjs'], 'setup failed')
  const stage = temporaryFolder('run')
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const name of [
    'package.json',
    'README.md',
    'LICENSE',
    // npm pack itself looks up patterns such as `examples/*.ts` in a folder that is copied.
    ...new Set(
      files
        .filter((file) => file !== 'prebuilds' && !file.startsWith('!'))
        .map((file) => file.replace(/\/\*.*$/, ''))
    )
  ])
    cpSync(join(root, name), join(stage, name), { recursive: true })
  const prebuilds = join(stage, 'prebuilds', `${process.platform}-${process.arch}`)
  mkdirSync(prebuilds, { recursive: true })
  cpSync(join(root, 'build', 'Release', 'pollport.node'), join(prebuilds, 'pollport.node'))
  npm(['pack', '--ignore-scripts', '--pack-destination', stage], 'npm pack failed', { cwd: stage })
  return stage
}
