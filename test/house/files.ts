// What the checks of the house share: the project's own files, as git sees them (tracked, or new and not ignored).
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export const projectFiles: readonly string[] = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
  { cwd: root, encoding: 'utf8' }
)
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)))
  .sort()

export function filesUnder(folder: string, ...endings: string[]): string[] {
  return projectFiles.filter((path) => path.startsWith(`${folder}/`) && endings.some((ending) => path.endsWith(ending)))
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
