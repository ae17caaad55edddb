// Makes the binary that travels in the package, for this machine's system: prebuilds/<platform>-<arch>/pollport[.glibc|.musl].node.
// Builds in build-prebuild/, so that build/, which a checkout runs from, stays as it is.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stage = join(root, 'build-prebuild')
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`)

rmSync(stage, { recursive: true, force: true })
rmSync(folder, { recursive: true, force: true })
mkdirSync(stage)
for (const input of ['package.json', 'binding.gyp', 'native'])
  cpSync(join(root, input), join(stage, input), { recursive: true })

const prebuildify = join(dirname(createRequire(import.meta.url).resolve('prebuildify/package.json')), 'bin.js')
const args = [prebuildify, stage, '--napi', '--strip', `--out=${root}`, `--target=${process.versions.node}`]
if (process.platform === 'linux') args.push('--tag-libc') // glibc's and musl's binaries live side by side in linux-<arch>.
const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
rmSync(stage, { recursive: true, force: true })
if (result.status !== 0) {
  console.error('pollport: the prebuilt binary was not made, see above')
  process.exit(1)
}
for (const name of readdirSync(folder)) {
  console.log(
    `pollport: made prebuilds/${process.platform}-${process.arch}/${name} (${statSync(join(folder, name)).size} bytes)`
  )
}
