// @ts-check
// The connection to the server: one WebSocket, which signs in by name or by token, reconnects by
// itself, and notices when it is dead. Handles the first and the last messages of the protocol, and
// passes the rest on. Does not touch the page.

/** @typedef {import('../wire/protocol.ts').ServerMessage} ServerMessage */
/** @typedef {import('../wire/protocol.ts').Request} Request */
/** @typedef {import('../wire/protocol.ts').RefusalCode} RefusalCode */

/**
 * What brings a player back: kept by the tab, over a reload.
 * @typedef {{ name: string, token: string }} Seat
 * @typedef {{ read(): Seat | undefined, write(seat: Seat | undefined): void }} SeatKeeper
 *
 * What makes them the same player at any time: kept by the browser.
 * @typedef {{ read(): string | undefined, write(account: string): void }} AccountKeeper
 *
 * Why there is no connection: a refusal of the server, or one of these.
 * @typedef {RefusalCode | 'unreachable' | 'other-version' | 'signed-out'} EndReason
 *
 * 'off': nobody is signed in, and nothing is tried. 'on' with `isRestarted`: it is another run of
 * the server, which knew nothing of the seat. 'waiting': lost, and tried again at
 * `retryAtMs`; the seat is kept until `seatUntilMs`.
 * @typedef {{ kind: 'off', reason?: EndReason, message?: string }
 *   | { kind: 'connecting', isReturn: boolean }
 *   | { kind: 'on', isRestarted?: boolean }
 *   | { kind: 'waiting', retryAtMs: number, seatUntilMs: number,
 *     reason?: RetryReason }} Status
 *
 * @typedef {'server-full' | 'too-many-connections' | 'bye' | 'cluster-away'} RetryReason
 *
 * @typedef {object} Listener
 * @property {(message: ServerMessage) => void} onMessage
 * @property {(status: Status) => void} onStatus
 */

/** Of protocol.ts. A server with another version was updated since the page was loaded. */
export const PROTOCOL_VERSION = 4
/**
 * Doubled with each try that fails, up to the most; each somewhat more or less, so that a thousand
 * players do not come back in one moment.
 */
export const FIRST_RETRY_MS = 500
export const MOST_RETRY_MS = 8_000
const RETRY_SPREAD = 0.3
/** Long enough for a server to refuse, short enough for a player to wait. */
const CONNECT_MS = 10_000
/**
 * How often it pings: this measures the latency, and in a match a dead connection must be noticed
 * soon.
 */
export const PING_MS = 5_000
export const PING_IN_MATCH_MS = 2_000
/**
 * No answer for so long, and nothing else either: the connection is dead, whatever the browser
 * believes.
 */
export const DEAD_MS = 5_000
export const DEAD_IN_MATCH_MS = 2_500
/** No answer for so long: the player should know, although it may still come. */
export const SLOW_MS = 1_500
const LOOK_EVERY_MS = 500

/** After these there is no seat to come back to: the page does not reconnect by itself. */
const FINAL = new Set([
  'bad-token',
  'token-used',
  'token-expired',
  'flood',
  'idle',
  'replaced',
  'removed',
  'banned',
  'frame-too-large',
  'sign-in-timeout'
])

export class Connection {
  #url
  #keeper
  #accounts
  #listener
  #openSocket
  /** @type {WebSocket | undefined} */
  #socket
  /** What the socket being opened is for. @type {{ name: string } | Seat | undefined} */
  #purpose
  /** @type {Status} */
  #status = { kind: 'off' }
  #failures = 0
  /** How long a seat is kept, and since when; long ago when the page was loaded after that. */
  #resumeMs = 0
  #lostAtMs = Number.NEGATIVE_INFINITY
  /** @type {RetryReason | undefined} */
  #retryReason
  /** The server has said that it ends, and no other one has welcomed the player since. */
  #heardBye = false
  /** The seat is gone with the server: the player signs in anew, by name and account. */
  #isRestarted = false
  /** Connecting, or waiting for the next try. @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking
  #heardAtMs = 0
  #pings = 0
  /** The one that has no answer yet. @type {{ id: number, sentAtMs: number } | undefined} */
  #ping
  #pingedAtMs = 0
  /** In a match it pings more often. */
  isPlaying = false
  /** Of the last ping. @type {number | undefined} */
  latencyMs
  /** Of the server. @type {import('../wire/protocol.ts').LimitsInfo | undefined} */
  limits
  /** The browser says that there is no network, and the server has not answered since. */
  #seemsOffline = false
  /** What this server plays. @type {readonly import('../wire/protocol.ts').GameInfo[]} */
  games = []

  /**
   * @param {string} url
   * @param {SeatKeeper} keeper
   * @param {Listener} listener
   * @param {(url: string) => WebSocket} [openSocket]
   * @param {AccountKeeper} [accounts]
   */
  constructor(
    url,
    keeper,
    listener,
    openSocket = (url) => new WebSocket(url),
    accounts = accountInBrowser('pollport-lobby-account')
  ) {
    this.#url = url
    this.#keeper = keeper
    this.#listener = listener
    this.#accounts = accounts
    this.#openSocket = openSocket
  }

  get status() {
    return this.#status
  }

  /** @param {string} name */
  signIn(name) {
    this.#failures = 0
    this.#connect({ name })
  }

  /** Takes the seat that the tab remembers, if it does. */
  comeBack() {
    const seat = this.#keeper.read()
    if (seat !== undefined) this.#connect(seat)
  }

  /** Now, and not when it is due. */
  retryNow() {
    if (this.#status.kind === 'waiting') this.comeBack()
  }

  /** Gives the seat up. */
  signOut() {
    if (this.#status.kind === 'on') this.send({ type: 'sign-out' })
    else this.#end('signed-out')
  }

  /**
   * What cannot be sent now is dropped: a minute later it would mean something else. @param
   * {Request} request
   */
  send(request) {
    if (this.#status.kind === 'on') this.#socket?.send(JSON.stringify(request))
  }

  /**
   * There is a hint that the connection may be gone: pings, so that an answer, or none, shows it.
   */
  check() {
    if (this.#status.kind === 'on' && this.#ping === undefined) this.#sendPing()
  }

  /**
   * The browser says so. It is only a hint: a server on the same machine needs no network. Until it
   * has answered, the player should know.
   */
  seemsOffline() {
    this.#seemsOffline = true
    this.check()
    this.#listener.onStatus(this.#status)
  }

  /**
   * What is wrong while the connection is still there. @param {number} nowMs
   * @returns {'offline' | 'slow' | undefined}
   */
  troubleAt(nowMs) {
    if (this.#status.kind !== 'on') return undefined
    if (this.#seemsOffline) return 'offline'
    const ping = this.#ping
    if (ping === undefined) return undefined
    return nowMs - Math.max(ping.sentAtMs, this.#heardAtMs) > SLOW_MS ? 'slow' : undefined
  }

  /** @param {{ name: string } | Seat} purpose */
  #connect(purpose) {
    this.#drop()
    this.#purpose = purpose
    this.#setStatus({ kind: 'connecting', isReturn: 'token' in purpose })
    const socket = this.#openSocket(this.#url)
    this.#socket = socket
    // Ignore late events of a socket that was dropped.
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#onMessage(JSON.parse(data))
    }
    socket.onclose = () => {
      if (socket === this.#socket) this.#onLost()
    }
    this.#timer = setTimeout(() => this.#onLost(), CONNECT_MS)
  }

  /** @param {ServerMessage} message */
  #onMessage(message) {
    this.#heardAtMs = performance.now()
    this.#seemsOffline = false
    switch (message.type) {
      case 'hello':
        if (message.version !== PROTOCOL_VERSION) return this.#end('other-version')
        this.limits = message.limits
        this.games = message.games
        return this.#introduce()
      case 'welcome':
        clearTimeout(this.#timer)
        this.#failures = 0
        this.#retryReason = undefined
        this.#heardBye = false
        this.#resumeMs = message.resumeMs
        this.#keeper.write({ name: message.name, token: message.token })
        this.#accounts.write(message.account)
        this.#setStatus({ kind: 'on', ...(this.#isRestarted ? { isRestarted: true } : {}) })
        this.#isRestarted = false
        // The first look asks: by then the page has been shown, which would count as latency
        this.#pingedAtMs = Number.NEGATIVE_INFINITY
        this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS)
        break
      case 'pong':
        if (message.id !== this.#ping?.id) return
        this.latencyMs = this.#heardAtMs - this.#ping.sentAtMs
        this.#ping = undefined
        return
      case 'signed-out':
        return this.#end('signed-out')
      case 'bye':
        this.#retryReason = 'bye'
        this.#heardBye = true
        break
      case 'error':
        if (this.#onRefusal(message)) return
        break
    }
    this.#listener.onMessage(message)
  }

  #introduce() {
    const purpose = this.#purpose
    if (purpose === undefined) return
    const request =
      'token' in purpose && !this.#isRestarted
        ? { type: 'resume', token: purpose.token }
        : { type: 'name', name: purpose.name, account: this.#accounts.read() }
    this.#socket?.send(JSON.stringify(request))
  }

  /**
   * Returns whether the refusal is about the connection, and not about a command.
   * @param {Extract<ServerMessage, { type: 'error' }>} error
   */
  #onRefusal({ code, message }) {
    const isReturn = this.#status.kind === 'connecting' && this.#status.isReturn
    if (isReturn && (code === 'server-full' || code === 'too-many-connections')) {
      this.#retryReason = code // the server closes now, and the seat is still kept
      return true
    }
    // The seat is kept by the other servers: they can be asked in a moment.
    if (isReturn && code === 'cluster-away') {
      this.#retryReason = code
      this.#onLost()
      return true
    }
    // A new name: on the same connection, as long as connecting may last.
    if (this.#status.kind === 'connecting' && code === 'cluster-away') {
      setTimeout(() => {
        if (this.#status.kind === 'connecting') this.#introduce()
      }, FIRST_RETRY_MS)
      return true
    }
    // The token came too late for this connection: the seat is still kept.
    if (isReturn && code === 'sign-in-timeout') return true
    if (this.#status.kind === 'on' && !FINAL.has(code)) return false
    if (isReturn && !this.#isRestarted && this.#isOfOtherRun(code)) {
      this.#isRestarted = true
      this.#introduce()
      return true
    }
    this.#end(code, message)
    return true
  }

  /**
   * Whether the seat that this page had is gone with its server, and not because the player was
   * away for too long. @param {RefusalCode} code
   */
  #isOfOtherRun(code) {
    if (this.#lostAtMs === Number.NEGATIVE_INFINITY) return false // the page was loaded since
    if (code === 'bad-token') return true
    const isKept = performance.now() < this.#lostAtMs + this.#resumeMs
    return code === 'token-expired' && (this.#heardBye || isKept)
  }

  /** Tries again, unless there is nothing to come back to. */
  #onLost() {
    this.#drop()
    const seat = this.#keeper.read()
    const wasNew =
      this.#purpose !== undefined &&
      !('token' in this.#purpose) &&
      this.#status.kind === 'connecting'
    if (seat === undefined || wasNew) return this.#end('unreachable')
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, MOST_RETRY_MS)
    const afterMs = retryMs * (1 + RETRY_SPREAD * (2 * Math.random() - 1))
    const nowMs = performance.now()
    if (this.#status.kind === 'on') this.#lostAtMs = nowMs
    // With the server the seat is gone, or another server of a cluster has it
    const seatUntilMs = this.#heardBye ? 0 : this.#lostAtMs + this.#resumeMs
    this.#setStatus({
      kind: 'waiting',
      retryAtMs: nowMs + afterMs,
      seatUntilMs,
      reason: this.#retryReason
    })
    this.#timer = setTimeout(() => this.retryNow(), afterMs)
  }

  /** For good. @param {EndReason} reason @param {string} [message] */
  #end(reason, message) {
    this.#drop()
    this.#keeper.write(undefined)
    this.#retryReason = undefined
    this.#heardBye = false
    this.#isRestarted = false
    this.#lostAtMs = Number.NEGATIVE_INFINITY
    this.latencyMs = undefined
    this.#setStatus({ kind: 'off', reason, message })
  }

  #look() {
    const nowMs = performance.now()
    if (this.#ping === undefined) {
      const everyMs = this.isPlaying ? PING_IN_MATCH_MS : PING_MS
      if (nowMs - this.#pingedAtMs >= everyMs) this.#sendPing()
    } else {
      const silentMs = nowMs - Math.max(this.#ping.sentAtMs, this.#heardAtMs)
      if (silentMs > (this.isPlaying ? DEAD_IN_MATCH_MS : DEAD_MS)) this.#onLost()
    }
  }

  #sendPing() {
    this.#pingedAtMs = performance.now()
    this.#ping = { id: ++this.#pings, sentAtMs: this.#pingedAtMs }
    this.send({ type: 'ping', id: this.#pings })
  }

  #drop() {
    clearTimeout(this.#timer)
    clearInterval(this.#looking)
    this.#ping = undefined
    this.#seemsOffline = false
    const socket = this.#socket
    this.#socket = undefined
    socket?.close()
  }

  /** @param {Status} status */
  #setStatus(status) {
    this.#status = status
    this.#listener.onStatus(status)
  }
}

/**
 * An account in the browser's storage, for all tabs; if that is forbidden, the page's alone.
 * @param {string} key
 * @returns {AccountKeeper}
 */
export function accountInBrowser(key) {
  /** @type {string | undefined} */
  let account
  return {
    read() {
      try {
        return localStorage.getItem(key) ?? account
      } catch {
        return account
      }
    },
    write(next) {
      account = next
      try {
        localStorage.setItem(key, next)
      } catch {
        // the account is kept as long as the page is
      }
    }
  }
}

/**
 * A seat in the tab's own storage: it outlives a reload and ends with the tab. In a browser that
 * forbids storage it is kept by the page alone.
 * @param {string} key
 * @returns {SeatKeeper}
 */
export function seatInTab(key) {
  /** @type {Seat | undefined} */
  let seat
  try {
    seat = JSON.parse(sessionStorage.getItem(key) ?? 'null') ?? undefined
  } catch {
    seat = undefined
  }
  return {
    read: () => seat,
    write(next) {
      seat = next
      try {
        if (next === undefined) sessionStorage.removeItem(key)
        else sessionStorage.setItem(key, JSON.stringify(next))
      } catch {
        // the seat is kept as long as the page is
      }
    }
  }
}
