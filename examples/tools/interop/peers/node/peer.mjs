// ws as a peer; see ../README.md.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createInterface } from 'node:readline'
import WebSocket, { WebSocketServer } from 'ws'

const say = what => process.stdout.write(JSON.stringify(what) + '\n')
const version = 'Node ws ' + JSON.parse(readFileSync(new URL('node_modules/ws/package.json', import.meta.url))).version
const deflate = { threshold: 0 }

// talk echoes as the case says and returns the report, when the connection has ended.
function talk(ws, name) {
  const report = { case: name, code: 0, reason: '', protocol: '', seen: [], error: '' }
  return new Promise(ended => {
    ws.on('message', (data, binary) => {
      report.seen.push(`${binary ? 'binary' : 'text'} ${data.length}`)
      if (name === 'close-from') {
        ws.close(1000, 'bye')
      } else if (name === 'fragments-from') {
        const half = data.length >> 1
        ws.send(data.subarray(0, half), { binary, fin: false })
        ws.send(data.subarray(half), { binary, fin: true })
      } else if (name === 'ping-from') {
        ws.once('pong', got => {
          if (got.toString() === 'spindrift') ws.send(data, { binary })
          else report.error = `pong with ${got}`
        })
        ws.ping('spindrift')
      } else {
        ws.send(data, { binary })
      }
    })
    ws.on('error', err => { report.error = err.message })
    ws.on('close', (code, reason) => {
      ended({ ...report, protocol: ws.protocol, code, reason: reason.toString() })
    })
  })
}

async function client(authority) {
  const ca = readFileSync(authority)
  say({ version })
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, url] = line.split(' ')
    const offer = name === 'subprotocol' ? ['chat.v9', 'chat.v2'] : []
    const ws = new WebSocket(url, offer, { ca, perMessageDeflate: name === 'declined' ? false : deflate, handshakeTimeout: 10000 })
    say(await talk(ws, name))
  }
}

async function server(cert, key) {
  const handleProtocols = offered => ['chat.v2', 'chat.v1'].find(p => offered.has(p)) || false
  const listen = (http, perMessageDeflate) => new Promise(ready => {
    const wss = new WebSocketServer({ server: http, perMessageDeflate, handleProtocols })
    wss.on('connection', async (ws, request) => say(await talk(ws, request.url.slice(1))))
    http.listen(0, '127.0.0.1', () => ready(http.address().port))
  })
  const plain = await listen(createServer(), deflate)
  const tls = await listen(createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }), deflate)
  const declined = await listen(createServer(), false)
  say({ version, plain, tls, declined })
  process.stdin.resume().on('end', () => process.exit(0))
}

const [role, ...files] = process.argv.slice(2)
if (role === 'client') await client(...files)
else await server(...files)
