// Chromium as a peer, a client only; see ../README.md. The page that speaks is
// served by the other end, so that its origin is that end's.
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { open } from './browser.mjs'

const say = what => process.stdout.write(JSON.stringify(what) + '\n')

// converse runs in the page: it echoes as the case says, and reports.
function converse([name, url]) {
  const report = { case: name, code: 0, reason: '', protocol: '', seen: [], error: '' }
  const offer = name === 'subprotocol' ? ['chat.v9', 'chat.v2'] : []
  return new Promise(ended => {
    const ws = new WebSocket(url, offer)
    ws.binaryType = 'arraybuffer'
    ws.onopen = () => { report.protocol = ws.protocol }
    ws.onmessage = ({ data }) => {
      const text = typeof data === 'string'
      report.seen.push(text ? `text ${new TextEncoder().encode(data).length}` : `binary ${data.byteLength}`)
      if (name === 'close-from') ws.close(1000, 'bye')
      else ws.send(data)
    }
    ws.onerror = () => { report.error = 'the browser says error' }
    ws.onclose = e => {
      if (!e.wasClean) report.error ||= 'the browser says not clean'
      ended({ ...report, code: e.code, reason: e.reason })
    }
  })
}

// The browser is told to trust this authority's server and no other.
const [, authority] = process.argv.slice(2)
const key = new X509Certificate(readFileSync(authority)).publicKey.export({ type: 'spki', format: 'der' })
const browser = await open([`--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`])
say({ version: `Chromium ${browser.version()}` })
for await (const line of createInterface({ input: process.stdin })) {
  const [name, url] = line.split(' ')
  const page = await browser.newPage()
  try {
    await page.goto(url.replace(/^ws/, 'http').replace(/[^/]*$/, ''), { timeout: 10000 })
    say(await page.evaluate(converse, [name, url]))
  } catch (err) {
    say({ case: name, error: err.message.split('\n')[0] })
  }
  await page.close()
}
await browser.close()
