// A browser's WebSocket, which most of a server's peers are: Chromium, on a page that the same port
// serves.
import { createServer } from 'node:http'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { closeBrowser, theBrowser, whyNoBrowser } from '../../examples/lobby/test/browser.ts'
import { isSanitized } from '../support/system.ts'
import { LOCAL, type Serving, serve, until } from './serving.ts'

// A sanitizer's library would be loaded into the browser, too.
const reason = isSanitized ? 'not under a sanitizer' : whyNoBrowser
if (reason !== undefined) console.log(`no browser: ${reason}`)

afterAll(closeBrowser)

/** A server, and a page of it in a browser. */
async function open(
  options: Parameters<typeof serve>[0] = {}
): Promise<{ serving: Serving<undefined>; page: Page; url: string }> {
  const http = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>page</title>')
  })
  const serving = serve<undefined>({ http, ...(options as object) })
  const context = await (await theBrowser()).newContext()
  onTestFinished(() => context.close())
  const page = await context.newPage()
  await page.goto(`http://${LOCAL}:${serving.port}/`)
  return { serving, page, url: `ws://${LOCAL}:${serving.port}/play` }
}

/** Runs code in the page, where `socket` is a WebSocket that has opened, or has failed. */
const inPage = (page: Page, url: string, protocols: string[], body: string): Promise<unknown> =>
  page.evaluate(`(async () => {
    const socket = new WebSocket(${JSON.stringify(url)}, ${JSON.stringify(protocols)})
    socket.binaryType = 'arraybuffer'
    const on = (name) => new Promise((resolve) => socket.addEventListener(name, resolve, { once: true }))
    const closed = on('close').then(({ code, reason, wasClean }) => ({ code, reason, wasClean }))
    await Promise.race([on('open'), closed])
    ${body}
  })()`)

describe.skipIf(reason !== undefined)('Chromium', { timeout: 60_000 }, () => {
  test.each([
    ['without compression', {}],
    ['with compression', { compression: { thresholdBytes: 0 } }]
  ])('%s: text and bytes of all sizes come back as they were', async (_how, options) => {
    const { serving, page, url } = await open({ ...options, maxMessageBytes: 2 ** 24 })
    const echoed = await inPage(
      page,
      url,
      [],
      `const sizes = [0, 1, 125, 126, 65535, 65536, 1000000]
      const answers = []
      for (const size of sizes) {
        const text = 'é'.repeat(size)
        socket.send(text)
        answers.push((await on('message')).data === text)
        const bytes = new Uint8Array(size).map((_, at) => at * 7)
        socket.send(bytes)
        const { data } = await on('message')
        const got = new Uint8Array(data)
        answers.push(got.length === size && got.every((byte, at) => byte === bytes[at]))
      }
      return { answers, extensions: socket.extensions }`
    )
    const isCompressing = 'compression' in options
    expect(echoed).toEqual({
      answers: Array(14).fill(true),
      extensions: isCompressing
        ? 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
        : ''
    })
    expect(serving.sockets[0].isCompressing).toBe(isCompressing)
  })

  test('the subprotocol is the server’s choice', async () => {
    const { page, url } = await open({ protocols: ['new', 'old'] })
    expect(await inPage(page, url, ['old', 'new'], 'return socket.protocol')).toBe('new')
  })

  test('its close, and ours, with code and reason', async () => {
    const { serving, page, url } = await open({
      onMessage: (socket) => socket.close(4001, 'enough')
    })
    const own = await inPage(page, url, [], `socket.close(4000, 'bye'); return closed`)
    expect(own).toEqual({ code: 4000, reason: '', wasClean: true })
    await until('onClose is called', () => serving.words.includes('close 4000 bye'))
    const ours = await inPage(page, url, [], `socket.send('now'); return closed`)
    expect(ours).toEqual({ code: 4001, reason: 'enough', wasClean: true })
    // Chromium answers with the code and the reason.
    await until('onClose is called', () => serving.words.includes('close 4001 enough'))
  })

  test('a limit that it breaks is a close with that code', async () => {
    const { page, url } = await open({ maxMessageBytes: 10 })
    const closed = await inPage(page, url, [], `socket.send('more than ten'); return closed`)
    expect(closed).toEqual({ code: 1009, reason: '', wasClean: true })
  })

  test('a page of another origin is refused, and a page that leaves is 1001', async () => {
    const { serving, page } = await open()
    const refused = serve({ origins: ['https://game.example'] })
    const there = `ws://${LOCAL}:${refused.port}/`
    expect(await inPage(page, there, [], 'return closed')).toMatchObject({ code: 1006 })
    await until('onError is called', () => refused.words.includes('error 403'))
    await inPage(page, `ws://${LOCAL}:${serving.port}/`, [], 'return 0')
    await page.goto('about:blank')
    await until('onClose is called', () => serving.words.includes('close 1001'))
  })

  test('pings are answered below the page', async () => {
    const { serving, page, url } = await open()
    await inPage(page, url, [], 'return 0')
    serving.sockets[0].ping('there?')
    await until('the pong comes', () => serving.words.includes('pong there?'))
  })
})
