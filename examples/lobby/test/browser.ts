// For tests of the players' page: a real browser, people in front of it, and a cable to the server
// that can be pulled out.

import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page
} from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import type { ArenaView } from '../games/coin-arena/rules.ts'
import type { MatchState, ServerMessage } from '../wire/protocol.ts'

const DEADLINE_MS = 45_000
const path = process.env.CHROMIUM ?? '/usr/bin/chromium'

/**
 * Why there is no browser to test with; undefined when there is one. On a build machine it must be
 * there: then a missing one fails the tests, unless the machine says that it has none.
 */
export const whyNoBrowser =
  process.platform !== 'linux'
    ? 'browsers are tried on Linux; the page is the same everywhere'
    : path === 'none'
      ? 'CHROMIUM says that there is none'
      : existsSync(path) || process.env.CI
        ? undefined
        : `there is no ${path}: apt-get install chromium, or say where it is by CHROMIUM`

export const phone: BrowserContextOptions = {
  viewport: { width: 375, height: 667 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true
}

let browser: Browser | undefined

/** One for all tests of a file, each of which has its own windows. */
export async function theBrowser(): Promise<Browser> {
  browser ??= await chromium.launch({
    executablePath: path,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync'
    ]
  })
  return browser
}

export async function closeBrowser(): Promise<void> {
  await browser?.close()
}

/** Somebody in front of a browser. */
export class Visitor {
  readonly page: Page
  readonly context: BrowserContext
  /** What the server has sent to the page; the last state of a match is kept apart. */
  readonly heard: ServerMessage[] = []
  state: MatchState | undefined
  /** What the page has sent to the server. */
  readonly sent: { type: string; [field: string]: unknown }[] = []
  /** Of the console, and faults that nothing caught. */
  readonly complaints: string[] = []

  constructor(context: BrowserContext, page: Page) {
    this.context = context
    this.page = page
    page.setDefaultTimeout(DEADLINE_MS)
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.complaints.push(message.text())
    })
    page.on('pageerror', (error) => this.complaints.push(String(error.stack)))
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => this.#onMessage(JSON.parse(String(payload))))
      socket.on('framesent', ({ payload }) => this.sent.push(JSON.parse(String(payload))))
    })
  }

  /** A window of its own, with a storage of its own, in which the page is open. */
  static async open(port: number, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await (await theBrowser()).newContext({
      viewport: { width: 1280, height: 800 },
      ...options
    })
    onTestFinished(() => context.close())
    const visitor = new Visitor(context, await context.newPage())
    await visitor.page.goto(`http://127.0.0.1:${port}/`)
    return visitor
  }

  static async signIn(
    port: number,
    name: string,
    options: BrowserContextOptions = {}
  ): Promise<Visitor> {
    const visitor = await Visitor.open(port, options)
    await visitor.page.getByLabel('Your name').fill(name)
    await visitor.press('Enter the lobby')
    await visitor.page.getByRole('button', { name: 'Find a match' }).waitFor()
    return visitor
  }

  /** `within`: a selector, where more than one button has this name. */
  async press(button: string, within = 'body'): Promise<void> {
    await this.page.locator(within).getByRole('button', { name: button, exact: true }).click()
  }

  async createRoom(name: string, { withCode = false } = {}): Promise<void> {
    await this.press('Create a room')
    await this.page.getByLabel('Room name').fill(name)
    if (withCode) await this.page.getByRole('radio', { name: 'Only people with the code' }).check()
    await this.press('Create')
    await this.isIn(name)
  }

  async isIn(room: string): Promise<void> {
    await this.page.getByRole('heading', { name: room, exact: true }).waitFor()
  }

  async say(where: 'lobby' | 'room', text: string): Promise<void> {
    await this.page.getByLabel(`Say something in the ${where} chat`).fill(text)
    await this.page.keyboard.press('Enter')
  }

  /** Waits until such a thing with this text is to be seen. */
  async sees(selector: string, text: string | RegExp): Promise<void> {
    await this.page.locator(selector).filter({ hasText: text, visible: true }).first().waitFor()
  }

  /** Where the circle of a seat is, as the server has sent it last. */
  placeOf(seat: number): { x: number; y: number } {
    return (
      (this.state?.view as ArenaView | undefined)?.players.find(
        (player) => player.seat === seat
      ) ?? { x: Number.NaN, y: Number.NaN }
    )
  }

  /** The colour of the arena at a place in its own units, as it is on the screen. */
  async colourAt(x: number, y: number): Promise<number[]> {
    // By way of a copy: reading from the canvas itself again and again would be complained of.
    return this.page.evaluate(`(() => {
      const canvas = document.querySelector('#arena')
      const scale = canvas.width / 1024
      const copy = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
      copy.drawImage(canvas, ${x} * scale, ${y} * scale, 1, 1, 0, 0, 1, 1)
      return [...copy.getImageData(0, 0, 1, 1).data]
    })()`)
  }

  /** For people to look at, where POLLPORT_SCREENSHOTS is set. */
  async show(name: string): Promise<void> {
    if (!process.env.POLLPORT_SCREENSHOTS) return
    const folder = join(tmpdir(), 'pollport-screenshots')
    await mkdir(folder, { recursive: true })
    await this.page.screenshot({ path: join(folder, `${name}.png`) })
  }

  /** Nothing has gone wrong in the page, but for what the test has done to it on purpose. */
  complainsOfNothing({ but = /^$/ } = {}): void {
    expect(this.complaints.filter((complaint) => !but.test(complaint))).toEqual([])
  }

  #onMessage(message: ServerMessage): void {
    if (message.type === 'state') this.state = message
    else this.heard.push(message)
  }
}

/** Stands between a browser and a server, and does not look at what goes through it. */
export class Cable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isIn = true

  private constructor(toPort: number) {
    this.#server = createServer((near) => {
      if (!this.#isIn) {
        near.resetAndDestroy()
        return
      }
      const far = connect({ port: toPort, host: '127.0.0.1', noDelay: true })
      this.#lay(near, far)
      this.#lay(far, near)
    })
  }

  static async to(port: number): Promise<Cable> {
    const cable = new Cable(port)
    await new Promise<void>((resolve) => cable.#server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      cable.pullOut()
      cable.#server.close()
    })
    return cable
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  /** Every connection is reset, and none comes through until it is in again. */
  pullOut(): void {
    this.#isIn = false
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  putIn(): void {
    this.#isIn = true
  }

  #lay(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.pipe(to)
    from.on('error', () => {}) // 'close' follows
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
