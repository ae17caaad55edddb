#!/usr/bin/env node
// The command: makes a folder with a lobby server of your own. It copies the package's template,
// which make-template.mjs has made, and does nothing else: no network, no installation.
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const usage = `Makes a folder with a lobby server for your own online game.

  npm create pollport-lobby my-game

The last part of the path becomes the name of the package. A folder that exists must be empty.`

const template = join(import.meta.dirname, '..', 'template')

/** A sentence for the person at the keyboard, instead of a stack trace. */
class Mistake extends Error {}

try {
  main()
} catch (error) {
  // An error of the file system names the call and the path.
  if (!(error instanceof Mistake) && error.syscall === undefined) throw error
  console.error(error.message)
  process.exitCode = 1
}

function main() {
  const { values, positionals } = readArguments()
  if (values.help) {
    console.log(usage)
    return
  }
  if (positionals.length !== 1) throw new Mistake(usage)
  const folder = resolve(positionals[0])
  const place = relative('', folder) || '.'
  const manifest = JSON.parse(readFileSync(join(template, 'package.json'), 'utf8'))
  const name = basename(folder)
  const reason = whyNoName(name, manifest)
  if (reason !== undefined)
    throw new Mistake(`"${name}" cannot be the name of a package: ${reason}`)
  // What `git init` makes may be there.
  if (existsSync(folder) && readdirSync(folder).some((entry) => entry !== '.git'))
    throw new Mistake(`${place} is not empty. Choose another folder, or empty it first.`)

  cpSync(template, folder, { recursive: true })
  // npm packs no file of the name .gitignore.
  renameSync(join(folder, 'gitignore'), join(folder, '.gitignore'))
  const own = `${JSON.stringify({ name, ...manifest }, null, 2)}\n`
  writeFileSync(join(folder, 'package.json'), own)
  console.log(`Your lobby is in ${place}. Next:

${place === '.' ? '' : `  cd ${place.includes(' ') ? `"${place}"` : place}\n`}  npm install
  npm start

docs/your-own-game.md shows how to put a game of your own into it.`)
}

function readArguments() {
  try {
    return parseArgs({
      options: { help: { type: 'boolean', short: 'h', default: false } },
      allowPositionals: true
    })
  } catch (error) {
    throw new Mistake(`${error.message}\n\n${usage}`)
  }
}

/**
 * npm's rules ("package.json", the section "name"), and those of Windows for the names of folders
 * ("Naming Files, Paths, and Namespaces"). Returns the reason, or undefined.
 */
function whyNoName(name, { dependencies, devDependencies }) {
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name) || name.length > 214) {
    return 'use at most 214 lowercase letters, digits, "-", "_" and ".", and begin with a letter or a digit.'
  }
  if (/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|\.$/.test(name))
    return 'Windows cannot have a folder of that name.'
  if (name === 'node_modules' || name === 'favicon.ico') return 'npm does not allow it.'
  // npm would take the lobby's own folder for what it depends on.
  if (name in { ...dependencies, ...devDependencies })
    return 'the lobby depends on a package of that name.'
  return undefined
}
