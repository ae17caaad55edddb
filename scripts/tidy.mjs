// Runs clang-tidy over the C++ sources that cmake-js' compile_commands.json lists, as many at once as there are processors.
// What is checked stands in .clang-tidy; any finding fails.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const buildFolder = join(root, 'build-dev')

function fail(sentence) {
  console.error(`pollport: ${sentence}`)
  process.exit(1)
}

if (spawnSync('clang-tidy', ['--version']).error) fail('needs clang-tidy (Debian: apt-get install clang-tidy)')
if (spawnSync('cmake', ['--version']).error) fail('needs cmake (Debian: apt-get install cmake)')
const cmakeJs = join(root, 'node_modules', 'cmake-js', 'bin', 'cmake-js')
const configured = spawnSync(process.execPath, [cmakeJs, 'configure', '-O', 'build-dev'], {
  cwd: root,
  encoding: 'utf8'
})
if (configured.status !== 0) {
  process.stderr.write(`${configured.stdout}${configured.stderr}`)
  fail('cmake-js could not configure build-dev, see above')
}

const commands = JSON.parse(readFileSync(join(buildFolder, 'compile_commands.json'), 'utf8'))
const waiting = [...new Set(commands.map((command) => command.file))].filter((file) =>
  file.startsWith(join(root, 'native'))
)
if (waiting.length === 0) fail('compile_commands.json lists no file of native/')
const total = waiting.length
let failures = 0

/** Takes files off the list until it is empty. */
async function work() {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const child = spawn('clang-tidy', ['-p', buildFolder, '--quiet', '--warnings-as-errors=*', file], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let findings = ''
    child.stdout.on('data', (chunk) => {
      findings += chunk
    })
    // Its standard error counts the warnings it kept back in other people's headers: only shown when something is wrong.
    let remarks = ''
    child.stderr.on('data', (chunk) => {
      remarks += chunk
    })
    const status = await new Promise((resolve) => child.on('close', resolve))
    if (status === 0) continue
    failures += 1
    console.error(`${relative(root, file)}\n${findings}${remarks}`)
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work))
console.log(`pollport: clang-tidy read ${total} files, ${failures} with findings`)
process.exit(failures === 0 ? 0 : 1)
