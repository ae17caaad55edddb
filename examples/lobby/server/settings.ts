// Where a setting comes from: a flag, else the environment, else a file, else the default. All
// mistakes are reported together, each with its place. Uses config.ts, which describes each
// setting; contains no rules.
import { readFileSync } from 'node:fs'
import { defaultSettings, type Settings, settingsSchema } from './config.ts'
import { contradictionsOf, descriptorLimit } from './contradictions.ts'

const ENVIRONMENT = 'LOBBY_'
const names = Object.keys(settingsSchema.shape) as (keyof typeof settingsSchema.shape & string)[]

/**
 * What Kubernetes sets for a Service that is named "lobby" or "lobby-web" ("Service", in its
 * documentation: environment variables, those of Docker links included): not ours to read.
 */
const ofService = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/
const isOfService = (variable: string, value = '') =>
  ofService.test(variable) || (variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))

/** maxRooms -> max-rooms, coin-arena.matchMs -> coin-arena.match-ms. */
const flagOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
/** maxRooms -> LOBBY_MAX_ROOMS. */
const variableOf = (name: string) => ENVIRONMENT + flagOf(name).replace(/[-.]/g, '_').toUpperCase()

/** For node:util's parseArgs: each setting is a flag. */
export const settingFlags: Record<string, { type: 'string' }> = Object.fromEntries(
  names.map((name) => [flagOf(name), { type: 'string' }])
)

/** What is wrong with the settings, a sentence a line. */
export class SettingsError extends Error {}

interface Given {
  readonly value: unknown
  readonly from: string
}

/**
 * The settings. `flags` are the values of {@link settingFlags}, and of `--config` the file's path;
 * `environment` is process.env, `descriptors` how many the process may have.
 * @throws SettingsError
 */
export function readSettings(
  flags: Record<string, unknown>,
  environment: NodeJS.ProcessEnv,
  descriptors: number = descriptorLimit()
): Settings {
  const given = new Map<string, Given>()
  const mistakes: string[] = []
  const file = flags.config ?? environment[`${ENVIRONMENT}CONFIG`]
  if (typeof file === 'string') {
    for (const [name, value] of Object.entries(readFile(file)))
      given.set(name, { value, from: `${name} in ${file}` })
  }
  const byVariable = new Map(names.map((name) => [variableOf(name), name]))
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT) || variable === `${ENVIRONMENT}CONFIG`) continue
    if (isOfService(variable, value)) continue
    const name = byVariable.get(variable)
    if (name === undefined) mistakes.push(`${variable}: unknown setting`)
    else given.set(name, { value, from: variable })
  }
  for (const name of names) {
    const value = flags[flagOf(name)]
    if (value !== undefined) given.set(name, { value, from: `--${flagOf(name)}` })
  }

  const result = settingsSchema.safeParse(
    Object.fromEntries([...given].map(([name, { value }]) => [name, value]))
  )
  if (!result.success) {
    for (const issue of result.error.issues) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) mistakes.push(`${given.get(key)?.from}: unknown setting`)
        continue
      }
      const { value, from } = given.get(String(issue.path[0])) as Given
      mistakes.push(`${from}: ${issue.message}, not ${JSON.stringify(value)}`)
    }
  }
  if (result.success) mistakes.push(...contradictionsOf(result.data, descriptors))
  if (mistakes.length > 0 || !result.success) throw new SettingsError(mistakes.join('\n'))
  return result.data
}

function readFile(path: string): object {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new SettingsError(`${path}: ${(error as Error).message}`)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (error) {
    throw new SettingsError(`${path}: ${(error as Error).message}`)
  }
  throw new SettingsError(`${path}: must hold one JSON object`)
}

/** Every setting with its default and what it is for. */
export function describeSettings(): string {
  const width = Math.max(...names.map((name) => flagOf(name).length)) + 4
  const lines = names.map((name) => {
    const what = settingsSchema.shape[name].description
    return `  --${flagOf(name).padEnd(width)}${String(defaultSettings[name]).padEnd(12)}${what}`
  })
  return [
    'You can set each of these by a flag, an environment variable (LOBBY_MAX_ROOMS for --max-rooms), or a line of the JSON',
    'file of --config ("maxRooms": 500). A flag overrides the environment, which overrides the file.',
    '',
    ...lines
  ].join('\n')
}
