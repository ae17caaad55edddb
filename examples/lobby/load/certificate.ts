// A certificate for one load run, in files of a folder of its own: it proves nothing to anybody,
// and is gone when the process ends.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** The server's flags for it. */
export async function throwAwayCertificate(): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lobby-load-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const name = [{ name: 'commonName', value: 'localhost' }]
  const pems = await generate(name, { keyType: 'ec', algorithm: 'sha256' })
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  writeFileSync(cert, pems.cert)
  writeFileSync(key, pems.private, { mode: 0o600 })
  return ['--tls-cert', cert, '--tls-key', key]
}
