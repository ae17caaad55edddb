// The files for a lobby on many machines: each passes a schema or a program of others, and names
// only what is there. Compose and Kubernetes themselves run nothing here: deploy/cluster/README.md
// says so.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import type { Container, Service } from 'kubernetes-types/core/v1.js'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { MAX_CLUSTER_COUNTS, MAX_CLUSTER_SKILLS } from '../cluster/directory-state.ts'
import { settingFlags } from '../server/settings.ts'

/** Of Redis' memory, rounded up; measured by `npm run load:directory`. */
const BYTES_A_SKILL = 700
const BYTES_A_PLAYER = 850
const BYTES_A_COUNT = 110
const GIB = 2 ** 30

/** It has the schema of the Compose specification, without types. */
const compose = createRequire(import.meta.url)('composeverter') as {
  getDockerComposeSchemaWithoutFormats(): object
}
const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = fileURLToPath(new URL('../deploy', import.meta.url))
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const readme = read('cluster/README.md')

/** The variables of the lobby in a text, as flags. */
function variablesIn(text: string): string[] {
  const found = [...text.matchAll(/\bLOBBY_([A-Z_]+)/g)].map(([, name]) => name)
  return [...new Set(found)].map((name) => name.toLowerCase().replaceAll('_', '-'))
}
const isSetting = (flag: string) => Object.keys(settingFlags).includes(flag)

/** `60s` or `1m30s` in seconds. */
function secondsOf(duration: string): number {
  expect(duration).toMatch(/^(\d+(ms|s|m|h))+$/)
  const seconds = { ms: 0.001, s: 1, m: 60, h: 3600 }
  return [...duration.matchAll(/(\d+)(ms|s|m|h)/g)]
    .map(([, count, unit]) => Number(count) * seconds[unit as keyof typeof seconds])
    .reduce((sum, each) => sum + each)
}

// ---- Compose ----

interface ComposeFile {
  services: Record<
    string,
    {
      command?: string[]
      environment?: Record<string, string>
      ports?: string[]
      ulimits?: { nofile: number }
      stop_grace_period?: string
      networks: string[] | Record<string, { ipv4_address: string }>
      volumes: string[]
      secrets?: (string | { source: string })[]
    }
  >
  secrets: Record<string, { file: string }>
  volumes: Record<string, null>
}
const composeText = read('cluster/compose.yaml')
const composeFile: ComposeFile = parse(composeText, { merge: true })
const nodes = Object.entries(composeFile.services).filter(([name]) => name.startsWith('node-'))

test('compose.yaml passes the schema of the Compose specification', () => {
  // Its patterns for durations have slashes around them, and so match nothing: looked at below.
  const withoutPatterns = (name: string, value: unknown) => (name === 'pattern' ? undefined : value)
  const text = JSON.stringify(compose.getDockerComposeSchemaWithoutFormats(), withoutPatterns)
  const isValid = new Ajv({ strict: false, allErrors: true }).compile(JSON.parse(text))
  expect(isValid(composeFile), JSON.stringify(isValid.errors)).toBe(true)
  // And it does find a mistake.
  expect(isValid({ ...composeFile, services: { a: { image: 'b', prots: [] } } })).toBe(false)
})

test('three nodes of compose.yaml have names, addresses, ports and disks of their own', () => {
  expect(nodes).toHaveLength(3)
  const all = <T>(pick: (node: (typeof nodes)[0][1]) => T) => new Set(nodes.map(([, n]) => pick(n)))
  for (const [name, node] of nodes) {
    const { lobby } = node.networks as Record<string, { ipv4_address: string }>
    const environment = node.environment ?? {}
    expect(environment.LOBBY_NODE).toBe(name)
    expect(environment.LOBBY_NODE_ADDRESS).toBe(
      `${lobby.ipv4_address}:${environment.LOBBY_NODE_PORT}`
    )
    const port = environment.LOBBY_UDP_PORT
    expect(node.ports).toEqual([`${port}:${port}/udp`])
    expect(node.volumes).toEqual([`${name}:/data`])
    expect(Object.keys(composeFile.volumes)).toContain(name)
    const drainMs = Number(environment.LOBBY_DRAIN_MS)
    expect(secondsOf(node.stop_grace_period ?? '')).toBeGreaterThan(drainMs / 1000 + 5)
  }
  expect(all((node) => node.environment?.LOBBY_NODE_ADDRESS).size).toBe(3)
  expect(all((node) => node.environment?.LOBBY_UDP_PORT).size).toBe(3)
  expect(all((node) => node.environment?.LOBBY_CLUSTER)).toEqual(new Set(['redis://redis:6379']))
})

test('settings in compose.yaml exist, and its secrets and variables are made as README.md says', () => {
  const settings = nodes.flatMap(([, node]) =>
    variablesIn(Object.keys(node.environment ?? {}).join(' '))
  )
  expect(settings.length).toBeGreaterThan(30)
  for (const flag of settings) expect(isSetting(flag), flag).toBe(true)
  // What it takes from its environment is in lobby.env, or is appended to it.
  for (const [, name] of composeText.matchAll(/\$\{(\w+)/g))
    expect(`${read('cluster/lobby.env')}${readme}`, name).toContain(`${name}=`)
  for (const { secrets = [] } of Object.values(composeFile.services))
    for (const each of secrets)
      expect(Object.keys(composeFile.secrets)).toContain(
        typeof each === 'string' ? each : each.source
      )
})

// ---- HAProxy ----

test('haproxy.cfg sends game clients and browsers to every node of compose.yaml', () => {
  const text = read('cluster/haproxy.cfg')
  const { proxy } = composeFile.services
  const names = nodes.map(([name]) => name)
  const servers = (line: RegExp) => [...text.matchAll(line)].map(([, name]) => name)
  expect(servers(/^\tserver (\S+) \1:5960$/gm)).toEqual(names)
  expect(servers(/^\tserver (\S+) \1:5959 send-proxy-v2$/gm)).toEqual(names)
  // What it binds is what is published.
  const bound = [...text.matchAll(/^\tbind :(\d+)/gm)].map(([, port]) => port)
  expect(proxy.ports?.map((port) => port.split(':')[1]).sort()).toEqual(bound.sort())
  const maxConnections = Number(/maxconn (\d+)/.exec(text)?.[1])
  expect(proxy.ulimits?.nofile).toBeGreaterThan(2 * maxConnections + 100)
  const { lobby } = proxy.networks as Record<string, { ipv4_address: string }>
  for (const [, { environment }] of nodes)
    expect(environment?.LOBBY_TRUSTED_PROXIES).toBe(lobby.ipv4_address)
})

// ---- Kubernetes ----

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
  // biome-ignore lint/suspicious/noExplicitAny: what it is depends on the kind, and is checked below.
  spec: any
}
const manifestsIn = (name: string): Manifest[] =>
  parseAllDocuments(read(`kubernetes/${name}`)).map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS()
  })
const files = readdirSync(join(folder, 'kubernetes'))
const manifests = files.flatMap(manifestsIn)
const named = (kind: string, name: string) =>
  manifests.find((each) => each.kind === kind && each.metadata.name === name) as Manifest

/** What TypeScript says to the manifests as values of the types of the Kubernetes API. */
function mistakesIn(all: readonly Manifest[]): string[] {
  const lines = all.map((manifest, at) => {
    const { apiVersion, kind } = manifest
    const group = apiVersion.includes('/') ? apiVersion : `core/${apiVersion}`
    const module = `kubernetes-types/${group.replace('.k8s.io', '')}`
    return `import type { ${kind} as T${at} } from '${module}.js'\nexport const v${at}: T${at} = ${JSON.stringify(manifest)}\n`
  })
  // The compiler asks for it with slashes, on every system.
  const name = join(root, 'examples/lobby/test/manifests.virtual.ts').replaceAll('\\', '/')
  const options: ts.CompilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (path) => path === name || fileExists(path)
  host.getSourceFile = (path, ...rest) =>
    path === name
      ? ts.createSourceFile(path, lines.join(''), {
          languageVersion: ts.ScriptTarget.ES2022,
          impliedNodeFormat: ts.ModuleKind.ESNext
        })
      : getSourceFile(path, ...rest)
  const program = ts.createProgram([name], options, host)
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

test('the manifests are what the Kubernetes API takes', () => {
  expect(manifests.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['StatefulSet', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'])
  )
  expect(mistakesIn(manifests)).toEqual([])
  // And it does find a mistake: a name that there is not, and a number that is a text.
  const wrong = structuredClone(named('StatefulSet', 'lobby'))
  wrong.spec.template.spec.containers[0].prots = []
  expect(mistakesIn([wrong]).join()).toMatch(/prots/)
  expect(mistakesIn([{ ...wrong, spec: { ...wrong.spec, replicas: '3' } }]).join()).not.toBe('')
}, 60_000)

test('what the manifests name is there', () => {
  const labels = { lobby: { app: 'lobby' }, redis: { app: 'redis' } }
  for (const set of manifests.filter(({ kind }) => kind === 'StatefulSet')) {
    const { template, selector, serviceName, volumeClaimTemplates } = set.spec
    const label = labels[set.metadata.name as 'lobby' | 'redis']
    expect(selector.matchLabels).toEqual(label)
    expect(template.metadata.labels).toEqual(label)
    expect(named('Service', serviceName).spec.clusterIP).toBe('None')
    const [container] = template.spec.containers as [Container]
    const volumes = [
      ...(template.spec.volumes ?? []),
      ...volumeClaimTemplates.map((claim: Manifest) => claim.metadata)
    ]
    expect(volumes.map(({ name }) => name)).toEqual(
      expect.arrayContaining(container.volumeMounts?.map(({ name }) => name) ?? [])
    )
    const ports = container.ports?.map(({ name }) => name) ?? []
    for (const { httpGet } of [
      container.livenessProbe,
      container.readinessProbe,
      container.startupProbe
    ].filter((probe) => probe !== undefined))
      if (httpGet !== undefined) expect(ports).toContain(httpGet.port)
    const services = manifests.filter(
      ({ kind, spec }) =>
        kind === 'Service' &&
        (spec.selector.app === set.metadata.name ||
          spec.selector['statefulset.kubernetes.io/pod-name']?.startsWith(`${set.metadata.name}-`))
    ) as unknown as Service[]
    expect(services.length).toBeGreaterThan(0)
    for (const { spec } of services)
      for (const { targetPort, protocol = 'TCP' } of spec?.ports ?? []) {
        const port = container.ports?.find(({ name }) => name === targetPort)
        expect(port?.protocol ?? 'TCP', String(targetPort)).toBe(protocol)
      }
    for (const policy of manifests.filter(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === set.metadata.name
    )) {
      expect(policy.spec.podSelector.matchLabels).toEqual(label)
      for (const rule of policy.spec.ingress)
        for (const { port } of rule.ports) expect(ports).toContain(port)
    }
  }
  const budget = named('PodDisruptionBudget', 'lobby')
  expect(budget.spec.selector.matchLabels).toEqual(labels.lobby)
  const [{ http }] = named('Ingress', 'lobby').spec.rules
  const backend = http.paths[0].backend.service
  const web = named('Service', backend.name).spec.ports.map(({ name }: { name: string }) => name)
  expect(web).toContain(backend.port.name)
  // A Service for datagrams is one pod's, and each pod has one.
  const own = manifestsIn('datagrams.yaml').map(({ spec }) => spec.selector)
  const pods = Array.from(
    { length: named('StatefulSet', 'lobby').spec.replicas },
    (_, at) => `lobby-${at}`
  )
  expect(own).toEqual(pods.map((pod) => ({ 'statefulset.kubernetes.io/pod-name': pod })))
})

test('a node has time to drain, its settings exist, and README.md makes its Secret', () => {
  const { template } = named('StatefulSet', 'lobby').spec
  const [container] = template.spec.containers as [Required<Container>]
  const { data } = named('ConfigMap', 'lobby') as unknown as { data: Record<string, string> }
  const pauseSeconds = container.lifecycle.preStop?.exec?.command?.[1]
  const needsSeconds = Number(pauseSeconds) + Number(data.LOBBY_DRAIN_MS) / 1000
  expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needsSeconds + 15)
  const variables = [...Object.keys(data), ...container.env.map(({ name }) => name)].join(' ')
  const flags = container.args.map((flag) => flag.replace(/^--|=.*$/g, ''))
  for (const flag of [...variablesIn(variables), ...flags]) expect(isSetting(flag), flag).toBe(true)
  const redis = named('Service', 'redis')
  expect(data.LOBBY_CLUSTER).toBe(`redis://redis:${redis.spec.ports[0].port}`)
  for (const { valueFrom } of container.env) {
    if (valueFrom?.secretKeyRef === undefined) continue
    const { name, key } = valueFrom.secretKeyRef
    expect(readme).toMatch(new RegExp(`create secret generic ${name} [^\`]*--from-literal=${key}=`))
  }
})

test('Redis keeps an append-only file on a volume, and throws nothing away', () => {
  const { command = [], volumes } = composeFile.services.redis
  const { template, volumeClaimTemplates } = named('StatefulSet', 'redis').spec
  const [container] = template.spec.containers as [Required<Container>]
  for (const args of [command, container.args]) {
    const text = args.join(' ')
    expect(text).toContain('--appendonly yes')
    expect(text).toContain('--maxmemory-policy noeviction')
  }
  // And so it must have room for the most that the lobby ever keeps: see docs/scaling.md
  const skillsBytes = MAX_CLUSTER_SKILLS * BYTES_A_SKILL
  const countsBytes = 2 * MAX_CLUSTER_COUNTS * BYTES_A_COUNT // of today and yesterday
  const limitBytes = Number(/^(\d+)Gi$/.exec(String(container.resources.limits?.memory))?.[1]) * GIB
  for (const args of [command, container.args]) {
    const memoryBytes = Number(/--maxmemory (\d+)gb/.exec(args.join(' '))?.[1]) * GIB
    const most = skillsBytes + countsBytes + 100_000 * BYTES_A_PLAYER
    expect(memoryBytes).toBeGreaterThan(most)
    expect(limitBytes).toBeGreaterThanOrEqual(2 * memoryBytes)
  }
  expect(volumes).toEqual(['redis:/data'])
  expect(volumeClaimTemplates[0].metadata.name).toBe('data')
  expect(container.volumeMounts).toEqual([{ name: 'data', mountPath: '/data' }])
})

test('README.md names settings and files that there are', () => {
  for (const flag of variablesIn(readme).filter(
    (flag) => !['certificate', 'key', 'name'].includes(flag)
  ))
    expect(isSetting(flag), flag).toBe(true)
  for (const [, path] of readme.matchAll(/\]\((\.[^)#]*)\)/g))
    expect(existsSync(join(folder, 'cluster', path)), path).toBe(true)
  for (const [, file] of readme.matchAll(/-f (\S+\.yaml)/g))
    expect(existsSync(join(folder, 'kubernetes', file)), file).toBe(true)
})
