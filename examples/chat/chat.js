// A page of the chat. What it has said is its own until it comes back with a number; what it has missed while it had
// no connection, it asks for by the last number that it has seen.
const $ = id => document.getElementById(id)
const pending = new Map() // what was said and has not come back, by its id
const shown = new Set()   // the ids of what is there, for what came back twice
let ws, retry, waiting    // the connection; how many attempts have failed; the timer of the next
let seen = 0, epoch = 0   // the last number, and of which life of the server
let latest = 0            // the last number of this connection
let room = '', name = ''

const state = (text, kind = '') => { $('state').textContent = text; $('state').className = kind }
const atEnd = () => $('scroll').scrollHeight - $('scroll').scrollTop - $('scroll').clientHeight < 60
const toEnd = () => { $('scroll').scrollTop = $('scroll').scrollHeight; $('down').hidden = true }

function line({ from, say, at, id, note }) {
  const stay = atEnd()
  const li = document.createElement('li')
  if (note) { li.className = 'note'; li.textContent = note } else {
    const time = Object.assign(document.createElement('time'), { textContent: new Date(at).toTimeString().slice(0, 5) })
    li.append(time, Object.assign(document.createElement('b'), { textContent: from }), say)
    if (from === name) li.className = 'mine'
    li.dataset.id = id
  }
  $('log').append(li)
  while ($('log').children.length > 1000) $('log').firstChild.remove()
  if (stay || from === name) toEnd(); else $('down').hidden = false
  return li
}

function take(m) {
  if (m.n) {
    seen = latest = m.n
    const mine = pending.get(m.id)
    if (mine) { $('log').append(mine.li); mine.li.classList.remove('pending'); pending.delete(m.id); shown.add(m.id) }
    else if (!shown.has(m.id)) { shown.add(m.id); line(m) }
    typing(m.from, false)
  } else if (m.epoch) {
    if (m.missed > 0 && epoch) line({ note: `${m.missed} messages were missed` })
    if (epoch !== m.epoch) seen = latest // numbers of another life mean nothing
    epoch = m.epoch
    state('connected', 'open')
    for (const { text, id } of pending.values()) send({ Say: text, ID: id }) // behind what was missed: it may have arrived
    ping()
  } else if (m.here) {
    $('here').replaceChildren(...m.here.sort((a, b) => a.localeCompare(b)).map(n => Object.assign(document.createElement('li'), { textContent: n })))
  } else if (m.typing) typing(m.typing, true)
  else if (m.pong) state(`connected, round trip ${(performance.now() - m.pong).toFixed(1)} ms`, 'open')
}

const typers = new Map()
function typing(who, does) {
  clearTimeout(typers.get(who))
  if (does && who !== name) typers.set(who, setTimeout(() => typing(who, false), 3000)); else typers.delete(who)
  const names = [...typers.keys()]
  $('typing').textContent = names.length ? `${names.join(', ')} ${names.length > 1 ? 'are' : 'is'} typing` : ''
}

const open = () => ws && ws.readyState === WebSocket.OPEN
const send = m => { if (open()) ws.send(JSON.stringify(m)) }
const ping = () => send({ Ping: performance.now() })
setInterval(ping, 5000)

function connect() {
  clearTimeout(waiting)
  if (ws && ws.readyState <= WebSocket.OPEN) return
  state('connecting')
  const url = new URL(`rooms/${encodeURIComponent(room)}?` + new URLSearchParams({ name, seen, epoch }), location.href)
  url.protocol = url.protocol.replace('http', 'ws')
  const mine = ws = new WebSocket(url)
  let opened = latest = 0
  mine.onopen = () => { opened = performance.now() }
  mine.onmessage = e => { if (mine === ws) { take(JSON.parse(e.data)); listening() } }
  mine.onclose = e => {
    if (mine !== ws) return
    $('here').replaceChildren()
    clearTimeout(silence)
    if (e.code === 1008) { state('closed by the server: ' + e.reason, 'lost'); return }
    if (opened && performance.now() - opened > 10000) retry = 0 // it was a good one
    const wait = Math.random() * Math.min(30000, 1000 * 2 ** retry++) // from 0 to a ceiling that doubles: all pages of a server come back spread
    state(`${e.reason || 'connection lost'}, trying again in ${(wait / 1000).toFixed(1)} s`, 'lost')
    waiting = setTimeout(connect, wait)
  }
}

// A connection that says nothing, not even to a ping, is dead: a browser may not notice for minutes.
let silence
function listening() {
  clearTimeout(silence)
  silence = setTimeout(() => { const dead = ws; dead.close(); dead.onclose({ code: 1006, reason: 'the server is silent' }) }, 15000)
}

addEventListener('online', () => { retry = 0; if (name) connect() })
addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible' && name) { retry = 0; connect() } })

$('who').onsubmit = e => {
  e.preventDefault()
  if (ws) { const old = ws; ws = undefined; old.close() }
  if (room !== $('room').value.trim()) { seen = epoch = 0; $('log').replaceChildren(); shown.clear(); pending.clear() }
  room = $('room').value.trim()
  name = $('name').value.trim()
  if (!room || !name) return
  localStorage.setItem('name', name)
  history.replaceState(null, '', '?room=' + encodeURIComponent(room))
  $('text').disabled = $('send').disabled = false
  $('text').focus()
  retry = 0
  connect()
}
$('form').onsubmit = e => {
  e.preventDefault()
  const text = $('text').value.trim()
  if (!text) return
  const id = crypto.getRandomValues(new Uint32Array(3)).join('-')
  const li = line({ from: name, say: text, at: Date.now(), id })
  li.classList.add('pending')
  pending.set(id, { text, id, li })
  send({ Say: text, ID: id })
  $('text').value = ''
}
let told = 0
$('text').oninput = () => { if (Date.now() - told > 2000) { told = Date.now(); send({ Typing: true }) } }
$('text').onkeydown = e => { if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); $('form').requestSubmit() } }
$('down').onclick = toEnd
$('scroll').onscroll = () => { if (atEnd()) $('down').hidden = true }

$('room').value = new URLSearchParams(location.search).get('room') || 'lobby'
$('name').value = localStorage.getItem('name') || ''
if ($('name').value) $('who').requestSubmit(); else $('name').focus()
