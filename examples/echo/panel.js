// The server, drawn from the snapshots of sockets.Counters that it sends every second.
const $ = id => document.getElementById(id)
const minute = [] // rates, newest last
let last

const short = n => n < 1000 ? String(Math.round(n)) : n < 1e6 ? (n / 1e3).toPrecision(3) + ' k' : (n / 1e6).toPrecision(3) + ' M'
const millis = ms => ms < 1 ? +(ms * 1000).toPrecision(3) + ' µs' : ms < 1000 ? +ms.toPrecision(3) + ' ms' : +(ms / 1000).toPrecision(3) + ' s'

function bars(place, rows) {
  if (rows.length === 0) return
  const most = Math.max(...rows.map(r => r[1]))
  place.replaceChildren(...rows.map(([name, n]) => {
    const line = document.createElement('div'), bar = document.createElement('b')
    bar.style.width = 100 * n / most + '%'
    line.append(Object.assign(document.createElement('span'), { textContent: name }), bar, Object.assign(document.createElement('span'), { textContent: short(n) }))
    return line
  }))
}

function draw() {
  const most = Math.max(1, ...minute.flatMap(m => [m.in, m.out]))
  for (const side of ['in', 'out']) {
    const points = minute.map((m, i) => `${120 - 2 * (minute.length - 1 - i)},${38 - 36 * m[side] / most}`)
    $('rates').querySelector('.' + side).setAttribute('d', points.length > 1 ? 'M' + points.join('L') : '')
  }
}

function take(now, seconds) {
  $('connections').textContent = now.open
  $('dropped').textContent = short(now.dropped_messages)
  bars($('codes'), [...Object.entries(now.closed), ...Object.entries(now.refused).map(([status, n]) => [`refused ${status}`, n])])
  const from = now.round_trips.findIndex(b => b.count > 0), to = now.round_trips.findLastIndex(b => b.count > 0)
  if (from >= 0) bars($('trips'), now.round_trips.slice(from, to + 1).map(b => [b.max_ms ? '≤ ' + millis(b.max_ms) : 'longer', b.count]))
  if (last) {
    const rate = key => (now[key] - last[key]) / seconds
    $('in').textContent = short(rate('messages_in'))
    $('out').textContent = short(rate('messages_out'))
    $('bytesin').textContent = short(rate('bytes_in'))
    $('bytesout').textContent = short(rate('bytes_out'))
    minute.push({ in: rate('messages_in'), out: rate('messages_out') })
    if (minute.length > 60) minute.shift()
    draw()
  }
  last = now
}

function listen() {
  const url = new URL('spindrift/stats', location.href)
  url.protocol = url.protocol.replace('http', 'ws')
  const ws = new WebSocket(url)
  let time = 0
  ws.onmessage = e => {
    const now = performance.now()
    take(JSON.parse(e.data), time ? (now - time) / 1000 : 1)
    time = now
  }
  ws.onclose = () => { last = undefined; $('connections').textContent = '-' } // opened again when somebody looks
  return ws
}

let ws
const look = () => { if (document.visibilityState === 'visible' && $('panel').open && (!ws || ws.readyState === WebSocket.CLOSED)) ws = listen() }
$('panel').ontoggle = () => { if ($('panel').open) look(); else if (ws) ws.close() }
addEventListener('visibilitychange', look)
addEventListener('focus', look)
look()
