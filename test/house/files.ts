// What the checks of the house share: the project's own files, as git sees them (tracked, or new
// and not ignored).
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export const projectFiles: readonly string[] = (gitFiles() ?? filesOfFolders())
  .filter((path) => path !== '' && existsSync(join(root, path)))
  .sort()

function gitFiles(): string[] | undefined {
  const { error, status, stdout } = spawnSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
    {
      cwd: root,
      encoding: 'utf8'
    }
  )
  return error === undefined && status === 0 ? stdout.split('\0') : undefined
}

/** Where there is no git: everything that .gitignore does not name. */
function filesOfFolders(): string[] {
  const ignored = readFileSync(join(root, '.gitignore'), 'utf8')
    .split('\n')
    .map((line) => line.trim().replace(/^\/|\/$/g, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
  const found: string[] = []
  const walk = (folder: string) => {
    for (const name of readdirSync(join(root, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`
      if (path === '.git' || ignored.some((pattern) => matchesGlob(pattern, name))) continue
      if (statSync(join(root, path)).isDirectory()) walk(path)
      else found.push(path)
    }
  }
  walk('')
  return found
}

function matchesGlob(pattern: string, name: string): boolean {
  const expression = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${expression.join('.*')}$`).test(name)
}

export function filesUnder(folder: string, ...endings: string[]): string[] {
  return projectFiles.filter(
    (path) => path.startsWith(`${folder}/`) && endings.some((ending) => path.endsWith(ending))
  )
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
