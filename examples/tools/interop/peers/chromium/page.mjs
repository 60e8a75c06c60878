// Opens the page of examples/echo at a URL, uses it as a visitor would, and
// reports each step. After "opens once for two messages" it waits for the server to be shut down.
// A second argument is where to put a picture of the page.
import { open } from './browser.mjs'

const say = (step, error = '') => process.stdout.write(JSON.stringify({ step, error }) + '\n')
const [url, picture] = process.argv.slice(2)
const browser = await open()
process.stdin.resume().on('end', () => browser.close().finally(() => process.exit(1)))
const page = await browser.newPage({ viewport: { width: 900, height: 600 } })
const complaints = []
page.on('pageerror', err => complaints.push(err.message))
page.on('console', line => { if (line.type() === 'error') complaints.push(line.text()) })

let sockets = 0
page.on('websocket', ws => { if (!ws.url().includes('/spindrift/')) sockets++ })

const cells = selector => page.$$eval(selector, all => all.map(tr => [...tr.cells].slice(1).map(td => td.textContent)))
const rows = () => cells('#log tr:not(:has(.seen))') // what the page knows by itself
const seen = () => cells('#log tr:has(.seen):not([hidden])') // what the server tells of the connection
const state = () => page.textContent('#state')

// until waits for the page to come to what is wanted, and says what it has come to if it does not.
async function until(step, look, wanted) {
  const end = Date.now() + 10000
  let got
  do {
    got = await look()
    if (wanted(got)) { say(step); return }
    await page.waitForTimeout(50)
  } while (Date.now() < end)
  throw new Error(`the page shows ${JSON.stringify(got)}`)
}

const trip = /^\d+\.\d\d ms$/
const has = (what, payload) => all => all.some(r => r[0] === what && r[1] === payload && (what.endsWith(' in') ? trip.test(r[2]) : true))

try {
  await page.goto(url + '#top', { timeout: 10000 })
  await until('opens, whatever the fragment', state, s => s === 'open: ' + url.replace('http', 'ws'))
  await until('compresses', rows, all => all.some(r => r[0] === 'open' && r[1].startsWith('permessage-deflate')))
  await until('echoes hello by itself', rows, all => has('text out', 'hello')(all) && has('text in', 'hello')(all))
  await page.fill('#text', 'grüße, 世界')
  await page.click('text="Send"')
  await until('echoes what was typed, with a round trip', rows, has('text in', 'grüße, 世界'))
  await page.click('#binary')
  await until('echoes 64 KiB', rows, has('binary in', '65536 bytes'))
  await page.selectOption('#kind', 'hex')
  await page.fill('#text', '00 ff')
  await page.click('text="Send"')
  await until('echoes hexadecimal', rows, has('binary in', '2 bytes: 00 ff'))
  await page.selectOption('#kind', 'json')
  await page.fill('#text', '{"a":')
  await page.press('#text', 'Enter')
  await until('tells of JSON that is none', () => page.textContent('#mistake'), s => s.includes('JSON'))
  await page.selectOption('#kind', 'text')
  await page.click('#ping')
  await until('shows a Ping and its Pong', seen, all => ['ping out', 'pong in', 'pong matched'].every(what => all.some(r => r[0] === what)))
  await page.fill('#fragments', '3')
  await page.fill('#text', 'in pieces')
  await page.press('#text', 'Enter')
  await until('shows fragments', seen, all => ['text out, not the last', 'continuation out, not the last', 'continuation out'].every(what => all.some(r => r[0] === what)))
  await page.fill('#fragments', '1')
  await page.fill('#text', 'grüße, 世界')
  await page.click('#panel summary')
  await until('counts what the server does', () => page.textContent('#connections'), s => s === '1')
  await page.setViewportSize({ width: 360, height: 640 })
  await page.fill('#filter', 'no row has this')
  await until('fits 360 pixels', () => page.evaluate(() => document.documentElement.scrollWidth), width => width <= 360)
  const visible = () => page.evaluate(() => [...document.querySelectorAll('#log tr')].filter(r => r.getClientRects().length).length)
  await until('hides rows at 360 pixels', visible, rows => rows === 0)
  await page.fill('#filter', '')
  await page.setViewportSize({ width: 900, height: 600 })
  await page.click('#close')
  // The reason is the server's, which answers with the code alone.
  await until('shows the close', state, s => s === 'closed: code 1000, clean. Send opens it again.')
  await until('lists the close', rows, all => all[0][0] === 'close' && all[0][1] === 'code 1000, clean')
  await until('says who closed', seen, all => all.some(r => r[0] === 'closed' && r[1] === 'by this page, 1000 "bye", clean'))
  if (picture) await page.screenshot({ path: picture })
  await page.click('#binary')
  await until('opens again, for 64 KiB', rows, all => all.filter(r => r[0] === 'binary in').length === 3)
  await page.evaluate(() => { // both while the connection closes
    document.getElementById('close').click()
    for (let i = 0; i < 2; i++) document.getElementById('form').requestSubmit()
  })
  const echoed = all => all.filter(r => r[0] === 'text in' && r[1] === 'grüße, 世界').length
  await page.waitForTimeout(500) // a page that opens too many goes on with it
  await until('opens once for two messages', async () => [sockets, echoed(await rows())], ([n, back]) => n === 3 && back === 3)
  await until('is told that the server leaves', state, s => s === 'closed: code 1001, clean. Send opens it again.')
  if (complaints.length > 0) throw new Error('the console says ' + complaints.join('; '))
  say('leaves the console empty')
} catch (err) {
  say('', err.message.split('\n')[0])
}
await browser.close()
process.exit(0)
