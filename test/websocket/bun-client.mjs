// A WebSocket client in Bun: `bun bun-client.mjs <port>`. Prints what it saw, as one line of JSON.
const [, , port] = process.argv
const seen = { echoes: [], protocol: '', extensions: '', closed: undefined }
const socket = new WebSocket(`ws://127.0.0.1:${port}/play`, ['new'])
socket.binaryType = 'arraybuffer'
const next = (name) =>
  new Promise((resolve) => socket.addEventListener(name, resolve, { once: true }))
await next('open')
seen.protocol = socket.protocol
seen.extensions = socket.extensions
for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
  const text = 'é'.repeat(size)
  socket.send(text)
  seen.echoes.push((await next('message')).data === text)
  const bytes = new Uint8Array(size).map((_, at) => at * 7)
  socket.send(bytes)
  const got = new Uint8Array((await next('message')).data)
  seen.echoes.push(got.length === size && got.every((byte, at) => byte === bytes[at]))
}
socket.send('close me')
const { code, reason } = await next('close')
seen.closed = { code, reason }
const other = new WebSocket(`ws://127.0.0.1:${port}/play`)
await new Promise((resolve) => other.addEventListener('open', resolve, { once: true }))
other.close(4000, 'bye')
await new Promise((resolve) => other.addEventListener('close', resolve, { once: true }))
console.log(JSON.stringify(seen))
process.exit(0)
