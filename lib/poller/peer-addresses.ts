// Where accepted connections came from, by slot index: eight bytes for each IPv4 end point, and no
// object until somebody asks. Knows no connection.
import type { CompactAddress } from '../address.ts'
import { grownToHold } from './grown-array.ts'

const FIRST_SLOTS = 1024

export class PeerAddresses {
  // 0 = not known: nobody connects from port 0.
  #compact = new Float64Array(FIRST_SLOTS)

  /** Who is in slot `index` came from there; 0 = not known. */
  set(index: number, peer: CompactAddress): void {
    if (index >= this.#compact.length) {
      if (peer === 0) return
      this.#compact = grownToHold(this.#compact, index)
    }
    this.#compact[index] = peer
  }

  get(index: number): CompactAddress | undefined {
    return this.#compact[index] || undefined
  }
}
