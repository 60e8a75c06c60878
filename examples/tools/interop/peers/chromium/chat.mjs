// Two visitors of examples/chat at a URL, of whom one loses its network. Each step is reported.
// Behind "is told that the server leaves" the server is to be started again at the same address.
// A second argument is a folder for pictures.
import net from 'node:net'
import { open } from './browser.mjs'

const say = (step, error = '') => process.stdout.write(JSON.stringify({ step, error }) + '\n')
const [url, pictures] = process.argv.slice(2)
const browser = await open()
process.stdin.resume().on('end', () => browser.close().finally(() => process.exit(1)))
const complaints = []

// network is one that can be lost: a port that leads to the server, or nowhere.
function network() {
  const open = new Set()
  let lost = false
  const server = net.createServer(from => {
    if (lost) { from.destroy(); return }
    const to = net.connect(Number(new URL(url).port), '127.0.0.1')
    for (const [a, b] of [[from, to], [to, from]]) {
      open.add(a)
      a.pipe(b)
      a.on('error', () => {}).on('close', () => { open.delete(a); b.destroy() })
    }
  }).listen(0, '127.0.0.1')
  return { server, lose() { lost = true; for (const s of open) s.destroy() }, find() { lost = false } }
}

async function visit(address, name, size, colorScheme) {
  const page = await (await browser.newContext({ viewport: size, colorScheme })).newPage()
  page.on('pageerror', err => complaints.push(err.message))
  await page.goto(address, { timeout: 10000 })
  await page.fill('#name', name)
  await page.press('#name', 'Enter')
  return {
    page,
    state: () => page.textContent('#state'),
    here: () => page.$$eval('#here li', all => all.map(li => li.textContent).join(' ')),
    said: () => page.$$eval('#log li:not(.pending)', all => all.map(li => li.querySelector('b').textContent + ': ' + li.lastChild.textContent)),
    write: async text => { await page.fill('#text', text); await page.press('#text', 'Enter') },
  }
}

async function until(step, look, wanted) {
  const end = Date.now() + 15000
  let got
  do {
    got = await look()
    if (wanted(got)) { if (step) say(step); return }
    await new Promise(done => setTimeout(done, 50))
  } while (Date.now() < end)
  throw new Error(`the page shows ${JSON.stringify(got)}`)
}

const is = wanted => got => JSON.stringify(got) === JSON.stringify(wanted)
const both = (step, look, wanted) => until(step, async () => [await look(ann), await look(bob)], got => got.every(wanted))
let ann, bob

try {
  const wires = network()
  await new Promise(done => wires.server.once('listening', done))
  ann = await visit(url, 'Ann', { width: 1100, height: 700 }, 'light')
  bob = await visit(`http://127.0.0.1:${wires.server.address().port}/`, 'Bob', { width: 360, height: 640 }, 'dark')
  await both('shows who is here', v => v.here(), is('Ann Bob'))
  await ann.page.type('#text', 'hel')
  await until('shows who types', () => bob.page.textContent('#typing'), is('Ann is typing'))
  await ann.write('grüße, Welt')
  await bob.write('hi')
  await both('hands on what is said', v => v.said(), got => got.length === 2 && got.includes('Ann: grüße, Welt') && got.includes('Bob: hi'))
  await until('shows the round trip', ann.state, s => /round trip \d+\.\d ms$/.test(s))
  await until('fits 360 pixels', () => bob.page.evaluate(() => document.documentElement.scrollWidth), n => n <= 360)
  if (pictures) { await ann.page.screenshot({ path: pictures + '/chat.png' }); await bob.page.screenshot({ path: pictures + '/chat-narrow.png' }) }
  wires.lose()
  await until('shows that the network is lost', bob.state, s => s.includes('trying again'))
  await until('shows who has left', ann.here, is('Ann'))
  await ann.write('are you there?')
  await bob.write('I am not')
  wires.find()
  await bob.page.evaluate(() => dispatchEvent(new Event('online')))
  await both('sends what was said meanwhile, once', v => v.said(), got => got.length === 4 && got[2] === 'Ann: are you there?' && got[3] === 'Bob: I am not')
  await both('is whole again', v => v.here(), is('Ann Bob'))
  const late = await visit(url, 'Cleo', { width: 700, height: 500 })
  await until('', late.said, got => got.length === 4)
  await late.page.close()
  await until('has a history', ann.here, is('Ann Bob'))
  await until('is told that the server leaves', ann.state, s => s.startsWith('the server restarts'))
  await both('comes back when the server does', v => v.here(), is('Ann Bob'))
  await bob.write('back')
  await both('goes on', v => v.said(), got => got.length === 5 && got[4] === 'Bob: back')
  if (complaints.length > 0) throw new Error('the console says ' + complaints.join('; '))
  say('has no error')
} catch (err) {
  say('', err.message.split('\n')[0])
}
await browser.close()
process.exit(0)
