// Several network namespaces on one switch, made by a test and gone after it. Any two of them can
// be parted: each then sends to a hardware address that nobody has, so that packets are lost
// without a word, as on a broken switch. Does not depend on what is sent.
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import koffi from 'koffi'
import { clearDead, ip } from '../network/lab.ts'

const SWITCH = 'switch'
const DEVICE = 'port'
const NOBODY = '02:00:00:00:00:ff'
/** From linux/sched.h. */
const CLONE_NEWNET = 0x40000000
const setns: (descriptor: number, kind: number) => number = koffi
  .load(null)
  .func('int setns(int, int)')

let made = 0

export class Segment {
  readonly #members: readonly string[]
  readonly #prefix = `pollport-${process.pid}-s${++made}`

  /** One namespace for each member. */
  constructor(members: readonly string[]) {
    clearDead()
    this.#members = members
    const hub = this.#nameOf(SWITCH)
    ip('netns', 'add', hub)
    ip('-n', hub, 'link', 'add', SWITCH, 'type', 'bridge')
    ip('-n', hub, 'link', 'set', SWITCH, 'up')
    for (const [at, member] of members.entries()) {
      const name = this.#nameOf(member)
      ip('netns', 'add', name)
      const veth = ['type', 'veth', 'peer', 'name', DEVICE, 'netns', name]
      ip('-n', hub, 'link', 'add', `port${at}`, ...veth)
      ip('-n', hub, 'link', 'set', `port${at}`, 'master', SWITCH, 'up')
      ip('-n', name, 'addr', 'add', `${this.address(member)}/24`, 'dev', DEVICE)
      ip('-n', name, 'link', 'set', DEVICE, 'up')
      ip('-n', name, 'link', 'set', 'lo', 'up')
    }
  }

  address(member: string): string {
    return `10.213.1.${this.#members.indexOf(member) + 1}`
  }

  /** A command that runs its arguments as this member. */
  inside(member: string): string[] {
    return ['nsenter', `--net=/run/netns/${this.#nameOf(member)}`, '--']
  }

  /** From now on this process' own sockets, and its children's, are this member's. */
  enter(member: string): void {
    const descriptor = openSync(`/run/netns/${this.#nameOf(member)}`, 'r')
    const status = setns(descriptor, CLONE_NEWNET)
    closeSync(descriptor)
    if (status !== 0) throw new Error('setns failed')
  }

  part(one: string, other: string): void {
    this.#each(one, other, (name, address) =>
      ip(
        '-n',
        name,
        'neigh',
        'replace',
        address,
        'lladdr',
        NOBODY,
        'dev',
        DEVICE,
        'nud',
        'permanent'
      )
    )
  }

  mend(one: string, other: string): void {
    this.#each(one, other, (name, address) =>
      ip('-n', name, 'neigh', 'delete', address, 'dev', DEVICE)
    )
  }

  close(): void {
    for (const member of [...this.#members, SWITCH]) {
      const name = this.#nameOf(member)
      if (existsSync(`/run/netns/${name}`)) ip('netns', 'delete', name)
    }
  }

  #each(one: string, other: string, act: (name: string, address: string) => void): void {
    act(this.#nameOf(one), this.address(other))
    act(this.#nameOf(other), this.address(one))
  }

  #nameOf(member: string): string {
    return `${this.#prefix}-${member}`
  }
}

/** Why there can be no such segment here; false if there can. */
export function reasonAgainstSegments(): string | false {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  try {
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' })
    const segment = new Segment(['try'])
    segment.part('try', 'try')
    segment.close()
    return false
  } catch (error) {
    return `no network namespaces can be made: ${(error as Error).message}`
  }
}
