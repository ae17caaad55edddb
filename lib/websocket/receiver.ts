// Takes what a decoder finds to the WebSocket that it was received by. One for all WebSockets of an
// endpoint, since one for each would be memory for each.
import type { WebSocketDecoder, WebSocketFrames } from './decoder.ts'
import type { WebSocket } from './websocket.ts'

export class Receiver<U> implements WebSocketFrames {
  #socket: WebSocket<U> | undefined

  /** Decodes what `socket` received. @throws WebSocketError as the decoder does */
  receive(socket: WebSocket<U>, decoder: WebSocketDecoder, data: Buffer): void {
    // A handler may bring about that another socket receives, within this call.
    const outer = this.#socket
    this.#socket = socket
    try {
      decoder.push(data, this)
    } finally {
      this.#socket = outer
    }
  }

  onMessage(data: Buffer, isText: boolean): void {
    ;(this.#socket as WebSocket<U>)._onMessage(data, isText)
  }

  onPing(data: Buffer): void {
    this.#socket?._onPing(data)
  }

  onPong(data: Buffer): void {
    this.#socket?._onPong(data)
  }

  onClose(code: number, reason: string): void {
    this.#socket?._onCloseFrame(code, reason)
  }
}
