// The files of a web page: what is in the table is answered from memory, as a browser wants it, and
// nothing else of the disk can be asked for.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { StaticFiles } from '../gateway/static-files.ts'

const PAGE = '<!doctype html><title>€</title>'

function folderWith(files: Record<string, string>): URL {
  const folder = mkdtempSync(join(tmpdir(), 'static-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return pathToFileURL(`${folder}/`)
}

/**
 * A server with these files, on Node's own sockets; whatever is none of them it calls "not ours".
 */
async function serving(files: StaticFiles) {
  const server = http.createServer((request, response) => {
    if (!files.answer(request, response)) response.writeHead(404).end('not ours')
  })
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  /** Not fetch(), which would tidy the path up. */
  return async (path: string, options: http.RequestOptions = {}) => {
    const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...options }).end()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    let body = ''
    for await (const piece of response.setEncoding('utf8')) body += piece
    return { status: response.statusCode, headers: response.headers, body }
  }
}

async function servingPage() {
  const folder = folderWith({
    'index.html': PAGE,
    'page.js': 'export {}',
    'look.css': '',
    'icon.svg': '<svg/>',
    secret: ''
  })
  const files = {
    '/': 'index.html',
    '/page.js': 'page.js',
    '/look.css': 'look.css',
    '/icon.svg': 'icon.svg'
  }
  const table = Object.fromEntries(
    Object.entries(files).map(([path, name]) => [path, new URL(name, folder)])
  )
  return { ask: await serving(new StaticFiles(table)), folder }
}

test('each file comes whole, with the type that a browser needs, whatever the query is', async () => {
  const { ask } = await servingPage()
  const page = await ask('/')
  expect(page).toMatchObject({ status: 200, body: PAGE })
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(Buffer.byteLength(PAGE))
  })
  expect(await ask('/?room=Den')).toMatchObject({ status: 200, body: PAGE })
  expect((await ask('/page.js')).headers['content-type']).toBe('text/javascript; charset=utf-8')
  expect((await ask('/look.css')).headers['content-type']).toBe('text/css; charset=utf-8')
  expect((await ask('/icon.svg')).headers['content-type']).toBe('image/svg+xml')
})

test('every answer forbids inline scripts, frames, guessed types and other sites', async () => {
  const { ask } = await servingPage()
  for (const path of ['/', '/page.js']) {
    const { headers } = await ask(path)
    expect(headers['content-security-policy']).toMatch(/default-src 'self'.*frame-ancestors 'none'/)
    expect(headers['content-security-policy']).not.toMatch(/unsafe|\*/)
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin'
    })
  }
})

test('a browser that has the file already gets a 304, and keeps none without asking', async () => {
  const { ask } = await servingPage()
  const { headers } = await ask('/page.js')
  const etag = String(headers.etag)
  expect(headers['cache-control']).toBe('no-cache')
  for (const kept of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    expect(await ask('/page.js', { headers: { 'if-none-match': kept } })).toMatchObject({
      status: 304,
      body: ''
    })
  }
  for (const kept of ['"other"', etag.slice(1, -1), '']) {
    expect(await ask('/page.js', { headers: { 'if-none-match': kept } })).toMatchObject({
      status: 200
    })
  }
  expect((await ask('/')).headers.etag).not.toBe(etag)
})

test('HEAD gets the head alone, and no other method anything', async () => {
  const { ask } = await servingPage()
  const { headers } = await ask('/')
  expect(await ask('/', { method: 'HEAD' })).toMatchObject({
    status: 200,
    body: '',
    headers: { 'content-length': headers['content-length'], etag: headers.etag }
  })
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    expect(await ask('/', { method })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' }
    })
  }
})

test.each([
  '/secret',
  '/../secret',
  '/page.js/../secret',
  '/%2e%2e/secret',
  '//page.js',
  '/page.js/',
  '/PAGE.JS',
  '/index.html',
  '/__proto__',
  '/constructor',
  'http://elsewhere/secret',
  'ftp://elsewhere/page.js'
])('%s is not in the table, and so not answered', async (path) => {
  const { ask } = await servingPage()
  expect(await ask(path)).toMatchObject({ status: 404, body: 'not ours' })
})

test('a request may name a host before the path (RFC 9112, 3.2.2), and no path is the page', async () => {
  const { ask } = await servingPage()
  expect(await ask('http://elsewhere/page.js?x=/')).toMatchObject({
    status: 200,
    body: 'export {}'
  })
  expect(await ask('HTTPS://elsewhere:1')).toMatchObject({ status: 200, body: PAGE })
})

test('the disk is read at the start alone', async () => {
  const { ask, folder } = await servingPage()
  rmSync(folder, { recursive: true })
  expect(await ask('/')).toMatchObject({ status: 200, body: PAGE })
})

test('a file that is not there, or of an unknown kind, is reported at the start', () => {
  const folder = folderWith({ 'notes.txt': '' })
  expect(() => new StaticFiles({ '/': new URL('index.html', folder) })).toThrow('ENOENT')
  expect(() => new StaticFiles({ '/': new URL('notes.txt', folder) })).toThrow(
    'no content type is known for'
  )
})
