// The page's own WebSocket, and beside it one on which the server tells what it sees of the first.
const $ = id => document.getElementById(id)
const most = 1000  // rows
const fold = 160   // characters of a payload, until more is asked for
const sent = []    // what has not come back, with its time
const waiting = [] // what to send when the connection is open
const before = []  // texts that were sent, for Alt+ArrowUp
let at = 0         // which of them is shown
let ws             // the only one: it is replaced when it has closed, not before
let watch          // what the server sees of it; undefined: it is no server of ours
let paused = false
const id = [...crypto.getRandomValues(new Uint8Array(16))].map(b => b.toString(16).padStart(2, '0')).join('')

const clock = ms => { const d = new Date(ms); return d.toTimeString().slice(0, 8) + '.' + String(d.getMilliseconds()).padStart(3, '0') }
const hex = bytes => [...bytes].map(b => b.toString(16).padStart(2, '0')).join(' ')

// row adds a line on top. seen: it is the server's view.
function row({ kind, what, payload, trip = '', seen = false, extra = false, time = Date.now() }) {
  if (paused) return
  const tr = $('log').insertRow(0)
  tr.className = kind
  tr.dataset.extra = extra ? '1' : ''
  for (const cell of [clock(time), what, '', trip]) tr.insertCell().textContent = cell
  if (seen) tr.cells[1].className = 'seen'
  folded(tr.cells[2], payload)
  hideOrShow(tr)
  while ($('log').rows.length > most) $('log').deleteRow(-1)
  $('count').textContent = $('log').rows.length + ($('log').rows.length === most ? ' rows, the oldest go' : '')
}

function folded(cell, text) {
  cell.textContent = text.slice(0, fold)
  if (text.length <= fold) return
  const more = document.createElement('button')
  more.type = 'button'
  more.textContent = `all ${text.length.toLocaleString('en')}`
  more.onclick = () => { cell.textContent = text }
  cell.append('…', more)
}

function hideOrShow(tr) {
  const wanted = $('filter').value.toLowerCase()
  tr.hidden = (tr.dataset.extra && !$('server').checked) || (wanted !== '' && !tr.textContent.toLowerCase().includes(wanted))
}

const isText = data => typeof data === 'string'
const size = data => isText(data) ? data.length : data.byteLength
function show(data) {
  if (isText(data)) return data
  const head = new Uint8Array(data).slice(0, 32)
  return data.byteLength + ' bytes' + (data.byteLength > 0 && data.byteLength <= 32 ? ': ' + hex(head) : '')
}

function send(data) {
  waiting.push(data)
  if (ws.readyState === WebSocket.OPEN) flush()
  else if (ws.readyState === WebSocket.CLOSED) connect()
}

function flush() {
  for (const data of waiting.splice(0)) {
    sent.push({ time: performance.now(), data })
    ws.send(data)
    row({ kind: 'out', what: isText(data) ? 'text out' : 'binary out', payload: show(data) })
  }
}

// trip is how long the echo of data took; '' if it is not what was sent next.
function trip(data) {
  const first = sent[0]
  if (!first || isText(first.data) !== isText(data) || size(first.data) !== size(data) || (isText(data) && first.data !== data)) return ''
  sent.shift()
  return (performance.now() - first.time).toFixed(2) + ' ms'
}

async function connect() {
  const text = $('url').value
  const local = text === home
  $('state').textContent = 'connecting'
  $('mistake').textContent = ''
  let opened = false
  const protocols = $('protocols').value.split(',').map(p => p.trim()).filter(p => p)
  const placeholder = ws = { readyState: WebSocket.CONNECTING, close() {} } // while the server is asked to watch
  if (local) await watching()
  if (ws !== placeholder) return
  const url = new URL(text)
  if (watch) url.searchParams.set('watch', id)
  try {
    ws = new WebSocket(url, protocols)
  } catch (err) {
    $('mistake').textContent = err.message
    ws = { readyState: WebSocket.CLOSED, close() {} }
    return
  }
  $('ours').hidden = $('theirs').hidden = !watch
  ws.binaryType = 'arraybuffer'
  ws.onopen = () => {
    opened = true
    $('state').textContent = 'open: ' + text + (ws.protocol ? ', ' + ws.protocol : '')
    row({ kind: 'in', what: 'open', payload: ws.extensions || 'no extension' })
    flush()
  }
  ws.onmessage = e => row({ kind: 'in', what: isText(e.data) ? 'text in' : 'binary in', payload: show(e.data), trip: trip(e.data) })
  ws.onclose = e => {
    sent.length = 0
    const how = `code ${e.code}${e.reason ? ', "' + e.reason + '"' : ''}, ${e.wasClean ? 'clean' : 'not clean'}`
    $('state').textContent = 'closed: ' + how + '. Send opens it again.'
    row({ kind: 'end', what: 'close', payload: how })
    if (!opened) waiting.length = 0 // nobody is there; the next click tries again
    else if (waiting.length > 0) connect() // it was asked for while this one closed
  }
}

// watching asks the server to tell of the next connection.
function watching() {
  if (watch && watch.readyState === WebSocket.OPEN) return
  return new Promise(resolve => {
    const other = new WebSocket(new URL('spindrift/watch?watch=' + id, home))
    other.onmessage = e => {
      const event = JSON.parse(e.data)
      if (event.what === 'watching') { watch = other; ask({}); resolve() } else seen(event)
    }
    other.onclose = () => { if (watch === other) watch = undefined; resolve() }
  })
}

const ask = command => watch && watch.readyState === WebSocket.OPEN &&
  watch.send(JSON.stringify({ Fragments: Number($('fragments').value) || 1, ...command }))

// bytes is hexadecimal for people: as text if it is some.
function bytes(hexadecimal) {
  const all = hexadecimal.match(/../g) || []
  const text = all.map(h => String.fromCharCode(parseInt(h, 16))).join('')
  return text !== '' && /^[ -~]*$/.test(text) ? JSON.stringify(text) : all.join(' ')
}

// seen shows what the server has seen. What the page sees as well is extra.
function seen(e) {
  const time = e.at, way = e.in ? ' in' : ' out'
  const side = { kind: e.in ? 'out' : 'in', seen: true, time } // what came in there went out here
  if (e.what === 'frame') {
    const control = e.op === 'ping' || e.op === 'pong' || e.op === 'close'
    const payload = e.op === 'close' ? `code ${e.code} ${JSON.stringify(e.reason || '')}` : e.op === 'text' ? (e.fin ? e.text : JSON.stringify(e.text)) : bytes(e.hex || '')
    const what = e.op + way + (e.fin ? '' : ', not the last')
    row({ ...side, what, payload: control ? payload : `${e.size} bytes: ${payload}`, extra: !control && e.fin && e.op !== 'continuation' })
  } else if (e.what === 'rtt') {
    row({ ...side, kind: 'in', what: 'pong matched', payload: bytes(e.hex), trip: e.ms.toFixed(2) + ' ms' })
  } else if (e.what === 'closed') {
    const who = { peer: 'this page', local: 'the server', nobody: 'nobody' }[e.by] || e.by
    row({ kind: 'end', seen: true, time, what: 'closed', payload: `by ${who}, ${e.code}${e.reason ? ' "' + e.reason + '"' : ''}, ${e.clean ? 'clean' : 'not clean'}${e.error ? ': ' + e.error : ''}` })
  }
}

// What is in the form as messages; an error if it is not what it is said to be.
function compose() {
  const text = $('text').value
  switch ($('kind').value) {
    case 'json': return JSON.stringify(JSON.parse(text))
    case 'hex': {
      const digits = text.replace(/0x|[\s:,]/g, '')
      if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) throw new Error('not pairs of hexadecimal digits')
      return new Uint8Array((digits.match(/../g) || []).map(d => parseInt(d, 16)))
    }
  }
  return text
}

$('form').onsubmit = e => {
  e.preventDefault()
  $('mistake').textContent = ''
  try {
    const data = compose()
    for (let n = Math.min(Math.max(Number($('times').value), 1), 10000); n > 0; n--) send(data)
    if (before.at(-1) !== $('text').value) before.push($('text').value)
    at = before.length
  } catch (err) { $('mistake').textContent = err.message }
}
$('text').onkeydown = e => {
  if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); $('form').requestSubmit() }
  if (e.altKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown') && before.length) {
    e.preventDefault()
    at = Math.min(Math.max(at + (e.key === 'ArrowUp' ? -1 : 1), 0), before.length - 1)
    $('text').value = before[at]
  }
}
$('binary').onclick = () => send(new Uint8Array(65536))
$('file').onchange = async e => { for (const f of e.target.files) send(await f.arrayBuffer()); e.target.value = '' }
$('ping').onclick = () => ask({ Do: 'ping', Text: 'are you there?' })
$('theirs').onclick = () => ask({ Do: 'close', Code: Number($('code').value), Text: $('reason').value })
$('fragments').onchange = () => ask({})
$('closing').onsubmit = e => {
  e.preventDefault()
  try { ws.close(Number($('code').value), $('reason').value) } catch (err) { $('mistake').textContent = err.message + ' (a page may send 1000 and 3000 to 4999)' }
}
$('connect').onsubmit = e => {
  e.preventDefault()
  ws.onclose = ws.onmessage = ws.onopen = null
  ws.close()
  connect()
}
$('pause').onclick = () => { paused = !paused; $('pause').setAttribute('aria-pressed', paused); $('pause').textContent = paused ? 'Go on' : 'Pause' }
$('clear').onclick = () => { $('log').replaceChildren(); $('count').textContent = '' }
$('save').onclick = () => {
  const lines = [...$('log').rows].reverse().map(tr => [...tr.cells].map(td => td.textContent).join('\t')).join('\n')
  const a = Object.assign(document.createElement('a'), { href: URL.createObjectURL(new Blob([lines])), download: 'frames.tsv' })
  a.click()
  URL.revokeObjectURL(a.href)
}
$('filter').oninput = $('server').onchange = () => { for (const tr of $('log').rows) hideOrShow(tr) }
addEventListener('keydown', e => {
  if (e.key === 'Escape') { $('text').focus(); e.preventDefault() }
  if (e.key === '/' && !e.target.closest('input, textarea, select')) { $('filter').focus(); e.preventDefault() }
})

const address = new URL(location.href)
address.protocol = address.protocol.replace('http', 'ws')
address.hash = '' // a WebSocket's URL has none
const home = address.href
$('url').value = home
if (matchMedia('(max-width: 60rem)').matches) $('panel').open = false
$('more').open = !matchMedia('(max-width: 34rem)').matches
waiting.push($('text').value)
connect()
