// The key that signs accounts and resume tokens. It is kept beside the store, so that a restart
// makes no account void; without a store nothing outlives the process, and the key need not either.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StoreError } from './store.ts'

const KEY_BYTES = 32

/** `folder`: of the store; '' for none. Throws a {@link StoreError} if it cannot be kept. */
export function tokenKeyIn(folder: string): Buffer {
  if (folder === '') return randomBytes(KEY_BYTES)
  const file = join(folder, 'token-key')
  try {
    mkdirSync(folder, { recursive: true })
    try {
      // Only its owner may read it, and who comes first makes it.
      writeFileSync(file, randomBytes(KEY_BYTES).toString('hex'), { mode: 0o600, flag: 'wx' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const text = readFileSync(file, 'utf8').trim()
    if (/^[\da-f]{64}$/.test(text)) return Buffer.from(text, 'hex')
  } catch (error) {
    const { code = 'STORE_FAILED', message } = error as NodeJS.ErrnoException
    throw new StoreError(code, `The key of the accounts cannot be kept: ${message}.`, error)
  }
  throw new StoreError(
    'STORE_BAD_KEY',
    `${file} holds no key. Restore a backup of it, or delete it: then all accounts are void.`
  )
}
