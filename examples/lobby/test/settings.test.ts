// Settings come from a flag, else the environment, else a file, else the default; and a mistake is
// reported with its place.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import { defaultLimits, limitsOf } from '../rules/limits.ts'
import { defaultSettings } from '../server/config.ts'
import { describeSettings, readSettings, SettingsError, settingFlags } from '../server/settings.ts'

function fileWith(content: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), 'lobby-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'lobby.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

/** What the operator reads, a line each. */
function mistakes(
  flags: Record<string, unknown>,
  environment: Record<string, string> = {}
): string[] {
  try {
    readSettings(flags, environment)
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split('\n')
    throw error
  }
  return []
}

test('without anything the defaults hold', () => {
  expect(readSettings({}, { PATH: '/bin' })).toEqual(defaultSettings)
  expect(limitsOf(defaultSettings)).toEqual(defaultLimits)
})

test('a flag counts before the environment, the environment before the file, the file before the default', () => {
  const config = fileWith({ port: 1, maxRooms: 1, maxQueued: 1, host: 'file' })
  const settings = readSettings(
    { config, port: '3' },
    { LOBBY_PORT: '2', LOBBY_MAX_ROOMS: '2', LOBBY_LOG_LEVEL: 'debug' }
  )
  expect(settings).toMatchObject({
    port: 3,
    maxRooms: 2,
    maxQueued: 1,
    host: 'file',
    logLevel: 'debug'
  })
  expect(settings.idleMs).toBe(defaultSettings.idleMs)
  expect(readSettings({}, { LOBBY_CONFIG: config }).port).toBe(1)
})

test('all mistakes are reported at once, each with its place, its range and what was there', () => {
  const config = fileWith({ maxRooms: 'many', maxRoom: 5, idleMs: 0.5, countdownMs: null })
  const environment = { LOBBY_LOG_LEVEL: 'loud', LOBBY_MAX_CONECTIONS: '5', LOBBY_MAX_QUEUED: '-1' }
  const told = mistakes({ config, port: '70000', host: '' }, environment)
  const expected = [
    `--port: must be a whole number from 0 to 65535, not "70000"`,
    `--host: must not be empty, not ""`,
    `LOBBY_LOG_LEVEL: must be silent, error, warn, info or debug, not "loud"`,
    `LOBBY_MAX_CONECTIONS: unknown setting`,
    `LOBBY_MAX_QUEUED: must be a whole number from 0 to 100000, not "-1"`,
    `maxRooms in ${config}: must be a whole number from 1 to 1000000, not "many"`,
    `maxRoom in ${config}: unknown setting`,
    `idleMs in ${config}: must be a whole number from 1 to 86400000, not 0.5`,
    `countdownMs in ${config}: must be a whole number from 0 to 60000, not null`
  ]
  expect(new Set(told)).toEqual(new Set(expected))
})

test('a file that is not there, or holds no JSON object, is reported by its name', () => {
  expect(mistakes({ config: '/nowhere/lobby.json' })[0]).toMatch('/nowhere/lobby.json: ENOENT')
  for (const content of ['{', '[]', '7', 'null']) {
    const config = fileWith(content)
    expect(mistakes({ config })[0], content).toMatch(`${config}: `)
  }
})

test('every setting is described, with a default that it would itself accept', () => {
  const text = describeSettings()
  for (const flag of Object.keys(settingFlags)) expect(text).toContain(`--${flag} `)
  const asFlags = Object.fromEntries(
    Object.entries(defaultSettings).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      String(value)
    ])
  )
  expect(readSettings(asFlags, {})).toEqual(defaultSettings)
})

test('what Kubernetes sets for a Service named like the lobby is not read as a setting', () => {
  const injected = {
    LOBBY_PORT: 'tcp://10.96.0.7:5959',
    LOBBY_SERVICE_HOST: '10.96.0.7',
    LOBBY_SERVICE_PORT: '5959',
    LOBBY_SERVICE_PORT_GAME: '5959',
    LOBBY_PORT_5959_TCP: 'tcp://10.96.0.7:5959',
    LOBBY_PORT_5959_TCP_PROTO: 'tcp',
    LOBBY_PORT_5959_TCP_PORT: '5959',
    LOBBY_PORT_5959_TCP_ADDR: '10.96.0.7',
    LOBBY_PORT_5959_UDP: 'udp://10.96.0.7:5959',
    LOBBY_WEB_PORT: 'tcp://10.96.0.8:80',
    LOBBY_WEB_SERVICE_HOST: '10.96.0.8'
  }
  expect(readSettings({}, injected)).toEqual(defaultSettings)
  expect(mistakes({}, { LOBBY_PORT: 'http://10.96.0.7' })).toHaveLength(1)
})

const thisFile = fileURLToPath(import.meta.url)

test.each([
  [{ 'min-match-players': '10', 'max-room-players': '4' }, '--max-room-players 4'],
  [{ 'tls-cert': 'cert.pem' }, '--tls-cert and --tls-key'],
  [{ 'tls-doors': 'web,back' }, 'not back'],
  [{ 'trusted-proxies': '10.0.0.0/99' }, '--trusted-proxies: "10.0.0.0/99"'],
  [{ 'min-match-players': '5' }, '--quick-match-players 4 and --min-match-players 5'],
  [{ 'min-match-players': '5', games: 'cards' }, 'Cards has 4 players at most'],
  [{ 'min-match-players': '5', 'quick-match-players': '5' }, 'Cards has 4 players at most'],
  [{ 'max-room-players': '2' }, '--quick-match-players 4 and --max-room-players 2'],
  [{ games: 'cards,cards' }, '--games: must have each game once'],
  [{ 'max-frame-bytes': '256' }, '--max-frame-bytes 256: a command can have'],
  [{ 'max-text-chars': '1000' }, 'with --max-text-chars 1000 of four bytes each'],
  [{ workers: '4', 'udp-port': '65534' }, '--udp-port 65534 and --workers 4'],
  [{ port: '7000', 'web-port': '7000' }, '--port and --web-port: both are 7000'],
  [{ 'burst-messages': '19' }, '--burst-messages 19: a report counts for 20 commands'],
  [{ 'lobby-chat-messages': '41' }, '--burst-messages 40 and --lobby-chat-messages 41'],
  [{ 'web-proxies': 'tcp' }, '--web-proxies tcp: there are no proxies'],
  [{ 'tls-cert': '/nowhere/a', 'tls-key': '/nowhere/b' }, '--tls-cert /nowhere/a and --tls-key'],
  [{ 'tls-cert': thisFile, 'tls-key': thisFile }, `--tls-cert ${thisFile}`],
  [{ 'tls-cert': thisFile, 'tls-key': thisFile, 'tls-doors': '' }, '--tls-doors is empty'],
  [{ 'web-origins': 'game.example' }, '--web-origins: must be origins as https://game.example'],
  [{ 'web-origins': '*' }, '--web-origins: must be origins'],
  [{ 'web-origins': 'localhost:8080' }, '--web-origins: must be origins'],
  [{ 'web-origins': 'https://game.example/play' }, '--web-origins: must be origins'],
  [{ 'max-connections': '100000' }, '--max-connections 100000: needs 100576 descriptors']
])('%j cannot hold together', (flags, said) => {
  const read = () => readSettings(flags, {}, 65_536)
  expect(read).toThrow(SettingsError)
  expect(read).toThrow(said)
})

test('an origin counts as browsers write it, however an operator does', () => {
  const written =
    'HTTPS://Game.Example/, https://game.example:443, http://[::1]:5960,capacitor://localhost'
  expect(readSettings({ 'web-origins': written }, {}).webOrigins).toBe(
    'https://game.example,https://game.example,http://[::1]:5960,capacitor://localhost'
  )
})

test('a certificate and a key that do not belong together are a sentence', async () => {
  const [one, other] = await Promise.all([generate(), generate()])
  const flags = { 'tls-cert': fileWith(one.cert), 'tls-key': fileWith(other.private) }
  expect(mistakes(flags)).toEqual([expect.stringContaining('--tls-key')])
  expect(mistakes({ ...flags, 'tls-key': fileWith(one.private) })).toEqual([])
})
