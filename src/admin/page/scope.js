// The scope's script: it listens to the loop and fills the page in.
//
// Twice a second the server sends a snapshot: counters since its start, what is open now, and a
// letter for each slot. Rates are made here, of the difference of two snapshots. Watching must not
// harm what is watched, so the page is written at most once a beat, only where something else is to
// be read than before, and a page that nobody sees does not listen.
//
// What the server says goes into the page as text, never as HTML. Relies on nothing but the
// browser. From top to bottom: words, numbers, the page, the slots, figures, tables, one
// connection's life, and last the stream, where all of it begins.

'use strict'

// --- words ---

/** What a cell's letter says, in the order in which cells of several slots count. */
const LETTERS = {
  '.': 'empty', i: 'idle', h: 'head', a: 'answering', b: 'body', w: 'writing', l: 'lingering', s: 'aside',
}
const PHASES = Object.values(LETTERS)

const STAGES = {
  'to-be-read': ['waiting to be read', 'others had their turn first'],
  head: ['head', 'from the read to the end of the head'],
  responder: ['responder', 'the body it asked for included'],
  writing: ['writing', 'from the answer to its last byte handed over'],
}

const CALLS = {
  epoll_wait: 'What is ready? The only place where the loop waits.',
  accept4: 'Takes a connection out of the accept queue.',
  epoll_ctl: 'Tell me of this socket from now on: once in its life.',
  recvfrom: 'Reads what has come.',
  sendto: 'Writes answers; those to pipelined requests together.',
  sendmsg: 'Writes two stretches of memory at once: a head and its body.',
  preadv2: 'Is this page of the file in memory? A disk is not waited for.',
  sendfile: 'From a file to the socket, past our memory.',
  shutdown: 'Says that nothing more will come from here.',
  setsockopt: 'Lets a close be a reset, or what waited for more leave.',
  poll: 'Does somebody wait at that listener?',
  close: 'Gives the descriptor back.',
}

const ENDS = {
  'client-done': 'The client closed between two requests, as it should be.',
  answered: 'The last answer was given: somebody had said Connection: close, or it was HTTP/1.0.',
  'idle-timeout': 'Nothing was asked for as long as idling is granted.',
  'made-room': 'It was idle longest when all connections were taken and another came.',
  stopped: 'The server stops.',
  fault: 'The client broke the protocol, and got the status that goes with it.',
  'client-left': 'The client closed in the middle of a request.',
  'write-timeout': 'The client took nothing of its answer for too long.',
  stalled: 'The client kept the server waiting, and its memory was needed for others.',
  broken: 'The transport failed; most often the client reset the connection.',
  'answer-timeout': 'The responder had said later and did not come back; the client got 503.',
  panicked: 'The responder panicked; that costs its own connection and no other.',
  'source-failed': 'What makes the body could not finish it.',
  'source-timeout': 'What makes the body was silent too long after the client had shut its half.',
  'disk-timeout': 'The disk did not give the file in time.',
  'file-shrank': 'The file became shorter while it was sent.',
  'cut-off': 'The grace time of an orderly stop ran out.',
  'ended-at-once': 'A second signal ended the server at once.',
}

// --- numbers, as people read them ---

const UNKNOWN = '–'
const is = value => typeof value === 'number' && Number.isFinite(value)

/** Three figures that count, and no more than there are: 0.042, 4.20, 42.0, 420, 42,000. */
function figure(value) {
  if (!is(value)) return UNKNOWN
  if (value === 0) return '0'
  if (value > 0 && value < 0.0005) return '< 0.001'
  const digits = Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.abs(value)))))
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

const count = value => (is(value) ? value.toLocaleString('en') : UNKNOWN)
const percent = share => (is(share) ? `${(100 * share).toFixed(1)} %` : UNKNOWN)

/** A value in the largest unit that leaves it at least 1. */
function scaled(value, units, step) {
  if (!is(value)) return UNKNOWN
  let at = 0
  while (at < units.length - 1 && Math.abs(value) >= step) {
    value /= step
    at += 1
  }
  return `${at === 0 ? Math.round(value) : figure(value)} ${units[at]}`
}

const bytes = value => scaled(value, ['B', 'kB', 'MB', 'GB', 'TB'], 1000)

function time(seconds) {
  if (!is(seconds)) return UNKNOWN
  if (seconds === 0) return '0'
  if (seconds < 1e-6) return `${Math.round(seconds * 1e9)} ns`
  if (seconds < 1e-3) return `${figure(seconds * 1e6)} µs`
  if (seconds < 1) return `${figure(seconds * 1e3)} ms`
  return `${figure(seconds)} s`
}

/** A long while: 12 s, 3 min 05 s, 2 h 14 min. */
function longTime(seconds) {
  const two = number => String(Math.floor(number)).padStart(2, '0')
  if (!is(seconds)) return UNKNOWN
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} min`
}

// --- the page ---

const found = new Map()
const written = new WeakMap()

function at(id) {
  if (!found.has(id)) found.set(id, document.getElementById(id))
  return found.get(id)
}

/** Writes only what is not there already, for which it asks no element: that could cost a layout. */
function write(element, text) {
  if (written.get(element) === text) return
  written.set(element, text)
  element.textContent = text
}

const say = (id, text) => write(at(id), text)

function make(name, className = '', text = '') {
  const element = document.createElement(name)
  if (className) element.className = className
  if (text) element.textContent = text
  return element
}

/**
 * The rows of a table: `[key, [name, words], [figure, …]]` each. A row stays the same element as
 * long as its key is there, and rows come and go only when keys do.
 */
function tabulate(body, entries) {
  body.rowsByKey ??= new Map()
  const keys = entries.map(([key]) => key).join()
  if (body.keys !== keys) {
    body.keys = keys
    body.replaceChildren(...entries.map(([key, [name, words], figures]) => {
      if (!body.rowsByKey.has(key)) body.rowsByKey.set(key, row(key, name, words, figures.length))
      return body.rowsByKey.get(key)
    }))
  }
  for (const [key, , figures] of entries) {
    const cells = body.rowsByKey.get(key).cells
    figures.forEach((text, column) => write(cells[column + 1], text))
  }
}

function row(key, name, words, columns) {
  const line = make('tr')
  const head = make('th')
  head.scope = 'row'
  head.append(make('span', '', name))
  if (words) head.append(make('small', '', words))
  line.dataset.key = key
  line.append(head, ...Array.from({ length: columns }, () => make('td')))
  return line
}

/** A bar of shares, each a span: as wide as its part of them all. */
function divide(bar, shares) {
  const whole = shares.reduce((sum, share) => sum + share, 0)
  shares.forEach((share, part) => {
    const width = `${whole > 0 ? ((100 * share) / whole).toFixed(1) : 0}%`
    if (bar.children[part].style.width !== width) bar.children[part].style.width = width
  })
}

// --- the slots ---

const FEW = 64 // cells that are drawn large
const SOME = 320 // and less so

/** The grids as they are drawn: of each worker its cells, and what each of them said last. */
let grids = []
let slotsEach = 1

function drawCells({ each, workers }) {
  if (each !== slotsEach || workers.length !== grids.length) layGrids(each, workers.length)
  const drawn = workers.reduce((sum, cells) => sum + cells.length, 0)
  const crowd = drawn <= FEW ? 'few' : drawn <= SOME ? 'some' : 'many'
  for (const [worker, cells] of workers.entries()) {
    const grid = grids[worker]
    if (grid.crowd !== crowd) grid.element.dataset.crowd = grid.crowd = crowd
    // A slab never shrinks, but a server that came back begins with a small one.
    while (grid.cells.length > cells.length) grid.cells.pop().remove()
    grid.said.length = grid.cells.length
    if (grid.cells.length < cells.length) addCells(grid, worker, cells.length)
    if (each === 1) grid.cells.forEach((cell, slot) => drawCell(grid, cell, slot, cells[slot]))
    else grid.cells.forEach((cell, slot) => drawShares(grid, cell, slot, cells[slot]))
  }
  say('cells-note', each === 1 ? '' : `There are so many that each cell is ${count(each)} slots.`)
}

function layGrids(each, workers) {
  slotsEach = each
  grids = Array.from({ length: workers }, (_, worker) => {
    const element = make('div', 'cells')
    element.setAttribute('role', 'group')
    element.setAttribute('aria-label', workers === 1 ? 'Slots' : `Slots of loop ${worker}`)
    element.dataset.each = each === 1 ? 'one' : 'several'
    return { element, cells: [], said: [], crowd: '' }
  })
  at('slots').replaceChildren(...grids.map(({ element }, worker) => {
    const box = make('div', 'worker')
    if (workers > 1) box.append(make('h3', '', `loop ${worker}`))
    box.append(element)
    return box
  }))
}

function addCells(grid, worker, length) {
  const fresh = []
  while (grid.cells.length < length) {
    const cell = make('button', 'cell')
    cell.type = 'button'
    // One stop of the Tab key for all of them; arrow keys go on from there.
    cell.tabIndex = worker === 0 && grid.cells.length === 0 ? 0 : -1
    cell.dataset.worker = worker
    cell.dataset.slot = grid.cells.length * slotsEach
    grid.cells.push(cell)
    fresh.push(cell)
  }
  grid.element.append(...fresh)
}

function drawCell(grid, cell, slot, letter) {
  if (grid.said[slot] === letter) return
  grid.said[slot] = letter
  const phase = LETTERS[letter] ?? 'empty'
  cell.dataset.phase = phase
  cell.setAttribute('aria-label', `slot ${slot}: ${phase}`)
}

/** A cell of several slots is of the phase that most are in; empty only if all of them are. */
function drawShares(grid, cell, index, counts) {
  const said = counts.join()
  if (grid.said[index] === said) return
  grid.said[index] = said
  let most = 0
  counts.forEach((slots, phase) => {
    if (phase > 0 && slots > (most > 0 ? counts[most] : 0)) most = phase
  })
  cell.dataset.phase = PHASES[most]
  const whole = counts.reduce((sum, slots) => sum + slots, 0)
  const present = counts.flatMap((slots, phase) => (slots > 0 ? [phase] : []))
  let from = 0
  const stops = present.map(phase => {
    const to = from + (100 * counts[phase]) / whole
    const stop = `var(--${PHASES[phase]}) ${from.toFixed(1)}% ${to.toFixed(1)}%`
    from = to
    return stop
  })
  cell.style.backgroundImage = present.length > 1 ? `linear-gradient(90deg, ${stops.join()})` : ''
  const first = index * slotsEach
  const words = present.map(phase => `${counts[phase]} ${PHASES[phase]}`).join(', ')
  cell.setAttribute('aria-label', `slots ${first} to ${first + whole - 1}: ${words}`)
}

/** How many slots nobody lives in, of those that are drawn. */
function emptySlots({ each, workers }) {
  let empty = 0
  for (const cells of workers) {
    for (const cell of cells) empty += each === 1 ? Number(cell === '.') : cell[0]
  }
  return empty
}

function drawLegend({ connections, cells }) {
  const counts = { ...connections.phases, aside: connections.aside, empty: emptySlots(cells) }
  for (const entry of at('legend').children) {
    const phase = entry.dataset.phase
    const text = String(counts[phase] ?? 0)
    if (entry.dataset.count !== text) entry.dataset.count = text
    say(`count-${phase}`, count(counts[phase] ?? 0))
  }
}

/** The arrow keys walk from cell to cell; Enter and Space press it, as they do any button. */
function walk(event) {
  const cell = event.target.closest('.cell')
  const grid = cell && grids[cell.dataset.worker]
  if (!grid) return
  const columns = getComputedStyle(grid.element).gridTemplateColumns.split(' ').length
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }
  const here = grid.cells.indexOf(cell)
  const to = { Home: 0, End: grid.cells.length - 1 }[event.key] ?? here + (steps[event.key] ?? NaN)
  const next = grid.cells[to]
  if (next === undefined) return
  event.preventDefault()
  stopHere(next)
  next.focus()
}

/** The Tab key comes back to where one was. */
function stopHere(cell) {
  document.querySelectorAll('.cell[tabindex="0"]').forEach(other => (other.tabIndex = -1))
  cell.tabIndex = 0
}

// --- figures ---

const MINUTE = 60
const SMOOTH = 0.9 // seconds that a rate is of: two beats, since one alone is restless
const RECENT = 10 // seconds that *the last ten seconds* are

/** Snapshots of the last minute without their cells, the newest last. */
let beats = []
/** What the curves show: one entry for each of `beats`. */
let curves = []

/** The newest snapshot that is at least so old, or the oldest there is. */
function before(seconds) {
  const newest = beats[beats.length - 1].uptime
  for (let one = beats.length - 2; one >= 0; one--) {
    if (newest - beats[one].uptime >= seconds) return beats[one]
  }
  return beats[0]
}

function remember(snapshot, isOfAnother) {
  if (isOfAnother) [beats, curves] = [[], []]
  const { cells, ...rest } = snapshot
  beats = beats.filter(beat => snapshot.uptime - beat.uptime <= MINUTE && beat.uptime < snapshot.uptime)
  curves = curves.slice(curves.length - beats.length)
  beats.push(rest)
  curves.push(now())
}

/** What can be said of the last second. Where there is nothing to divide by it is unknown. */
function now() {
  const newest = beats[beats.length - 1]
  const old = before(SMOOTH)
  const over = newest.uptime - old.uptime
  const grown = read => read(newest) - read(old)
  const rate = read => (over > 0 ? grown(read) / over : NaN)
  const wakes = grown(beat => beat.loop.wakes)
  const [worked, waited, alone] = ['worked', 'waited', 'alone'].map(part => grown(beat => beat.loop[part]))
  return {
    'requests-rate': rate(beat => beat.requests),
    'received-rate': rate(beat => beat.received),
    'sent-rate': rate(beat => beat.sent),
    open: newest.connections.open,
    'events-per-wake': wakes > 0 ? grown(beat => beat.loop.events) / wakes : NaN,
    'wakes-rate': rate(beat => beat.loop.wakes),
    working: worked / (worked + waited + alone),
    shares: [worked, waited, alone],
  }
}

function drawFigures(snapshot) {
  const newest = curves[curves.length - 1]
  const { connections, loop } = snapshot
  for (const [id, unit] of [['requests-rate', figure], ['received-rate', bytes], ['sent-rate', bytes]]) {
    say(id, unit(newest[id]))
    const most = drawCurve(id)
    say(`${id}-most`, `${unit(most)} at the most`)
  }
  say('open', count(connections.open))
  say('peak', count(connections.peak))
  say('accepted', count(connections.accepted))
  drawCurve('open')
  say('events-per-wake', figure(newest['events-per-wake']))
  say('wakes-rate', figure(newest['wakes-rate']))
  drawCurve('events-per-wake')
  say('longest-turn', time(loop.longest_turn))
  say('working', percent(newest.working))
  drawCurve('working', 1)
  const whole = newest.shares.reduce((sum, share) => sum + share, 0)
  const parts = newest.shares.map(share => percent(share / whole))
  divide(at('time-bar'), newest.shares.map(share => (is(share) ? share : 0)))
  ;['worked', 'waited', 'alone'].forEach((part, n) => say(`${part}-share`, parts[n]))
  at('time-bar').setAttribute('aria-label',
    `${parts[0]} at work, ${parts[1]} waiting for clients, ${parts[2]} with nobody connected`)
}

/** The last minute as a line, from 0 up to its own most or to `top`. Returns the most. */
function drawCurve(id, top) {
  const newest = beats[beats.length - 1].uptime
  const values = curves.map(curve => curve[id])
  const most = values.filter(is).reduce((one, other) => Math.max(one, other), 0)
  const scale = top ?? (most || 1)
  const x = beat => (120 * (1 - (newest - beat.uptime) / MINUTE)).toFixed(1)
  const y = value => (31 - (30 * value) / scale).toFixed(1)
  // Where nothing was heard for a while there is no line.
  const runs = []
  values.forEach((value, n) => {
    const silent = n > 0 && beats[n].uptime - beats[n - 1].uptime > 3
    if (!is(value)) return
    if (silent || runs.length === 0) runs.push([])
    runs[runs.length - 1].push([x(beats[n]), y(value)])
  })
  const line = runs.map(run => `M${run.map(point => point.join()).join('L')}`).join('')
  const under = runs.map(run =>
    `M${run[0][0]},31L${run.map(point => point.join()).join('L')}L${run[run.length - 1][0]},31Z`)
  const [area, curve] = at(`${id}-line`).children
  area.setAttribute('d', under.join(''))
  curve.setAttribute('d', line)
  return most
}

// --- tables ---

function drawCalls({ calls, requests }) {
  const old = before(SMOOTH)
  const lately = requests - old.requests
  const names = [...new Set([...Object.keys(CALLS), ...Object.keys(calls)])]
  tabulate(at('calls'), names.filter(name => calls[name]?.made > 0).map(name => {
    const { made, blocked, failed } = calls[name]
    const grown = made - (old.calls[name]?.made ?? 0)
    const each = [lately > 0 ? grown / lately : NaN, requests > 0 ? made / requests : NaN]
    return [name, [name, CALLS[name]], [...each.map(figure), count(made), count(blocked), count(failed)]]
  }))
}

function drawLatency({ latency, stages }) {
  const times = spread => ['mean', 'p50', 'p75', 'p90', 'p95', 'p99', 'p999', 'max']
    .map(key => (spread.count > 0 ? time(spread[key]) : UNKNOWN))
  const entries = Object.entries(STAGES).map(([stage, words]) =>
    [stage, words, [count(stages[stage].count), ...times(stages[stage])]])
  tabulate(at('percentiles'), [
    ['whole', ['the whole', 'all of it, of every request'], [count(latency.count), ...times(latency)]],
    ...entries,
  ])
  const means = Object.keys(STAGES).map(stage => (stages[stage].count > 0 ? stages[stage].mean : 0))
  divide(at('stage-bar'), means)
  Object.keys(STAGES).forEach((stage, n) =>
    say(`stage-${stage}`, stages[stage].count > 0 ? time(means[n]) : UNKNOWN))
}

const LABELS = 5 // at the most, so that they have room on a telephone

/** A bar for each bucket between the first and the last that has something. */
function drawHistogram({ histogram, latency }) {
  const isRecent = at('histogram-span').getAttribute('aria-pressed') === 'true'
  const old = new Map(isRecent ? before(RECENT).histogram : [])
  const all = histogram.map(([upper, requests]) => [upper, requests - (old.get(upper) ?? 0)])
  const used = all.flatMap(([, requests], n) => (requests > 0 ? [n] : []))
  const buckets = used.length > 0 ? all.slice(used[0], used[used.length - 1] + 1) : []
  const most = buckets.reduce((one, [, requests]) => Math.max(one, requests), 0)
  const box = at('histogram')
  while (box.children.length > buckets.length) box.lastChild.remove()
  while (box.children.length < buckets.length) {
    const column = make('div')
    column.append(make('i'), make('b'))
    box.append(column)
  }
  const every = Math.ceil(buckets.length / LABELS)
  buckets.forEach(([upper, requests], n) => {
    const [bar, label] = box.children[n].children
    // What is there at all is to be seen, be it one of a million.
    const height = requests > 0 ? `max(2px, ${((100 * requests) / most).toFixed(1)}%)` : '0'
    if (bar.style.height !== height) bar.style.height = height
    write(label, (buckets.length - 1 - n) % every === 0 ? time(upper) : '')
    box.children[n].title = `${count(requests)} up to ${time(upper)}`
  })
  box.setAttribute('aria-label', latency.count > 0
    ? `Requests by their latency: half took up to ${time(latency.p50)}, 99 of 100 up to ${time(latency.p99)}`
    : 'No request yet')
}

function drawEnds({ connections, statuses, unsent, accept_queue: queue = {} }) {
  const most = ([, one], [, other]) => other - one
  const ends = Object.entries(connections.closed).sort(most)
  tabulate(at('closed'), ends.map(([name, times]) => [name, [name, ENDS[name]], [count(times)]]))
  at('no-ends').hidden = ends.length > 0
  const given = Object.entries(statuses)
  tabulate(at('statuses'), given.map(([status, times]) => [status, [status, ''], [count(times)]]))
  at('no-statuses').hidden = given.length > 0
  say('unsent', count(unsent))
  say('overflows', is(queue.overflows) ? count(queue.overflows) : UNKNOWN)
  say('overflows-words', is(queue.overflows) ? 'dropped since the start' : 'not told by this system')
}

// --- one connection's life ---

const ASK_AGAIN = 1000 // milliseconds
const A_PAUSE = 0.05 // seconds in which nothing happened, long enough to say so

/** What the panel shows: nothing, or a cell, and of its slots the one that was picked. */
let life = null

function openCell(cell) {
  closeLife()
  const first = Number(cell.dataset.slot)
  life = { cell, worker: Number(cell.dataset.worker), first, slot: null, steps: '' }
  cell.setAttribute('aria-current', 'true')
  stopHere(cell)
  document.documentElement.dataset.life = 'open'
  at('life').hidden = false
  if (slotsEach === 1) pickSlot(first)
  else showCell()
  at('life').focus()
}

function closeLife() {
  if (!life) return
  const { cell, timer, asking } = life
  clearTimeout(timer)
  asking?.abort()
  life = null
  cell.removeAttribute('aria-current')
  delete document.documentElement.dataset.life
  const hadFocus = at('life').contains(document.activeElement)
  at('life').hidden = true
  if (hadFocus) cell.focus()
}

/** A cell of several slots: how many are in which phase, and which of them is it to be? */
function showCell() {
  clearTimeout(life.timer)
  life.asking?.abort()
  Object.assign(life, { slot: null, steps: '' })
  at('life-steps').replaceChildren()
  at('life-back').hidden = true
  const last = life.first + slotsEach - 1
  say('life-title', `Slots ${life.first} to ${last}${ofLoop()}`)
  say('life-about', 'Pick one of them to read what happened to it last.')
  at('life-slots').replaceChildren(...Array.from({ length: slotsEach }, (_, n) => {
    const button = make('button', '', String(life.first + n))
    button.type = 'button'
    button.dataset.slot = life.first + n
    return button
  }))
  showCounts()
}

/** The counts of the cell move on while it is open. */
function showCounts() {
  const said = life && slotsEach > 1 && life.slot === null
    ? grids[life.worker]?.said[life.first / slotsEach] : ''
  if (at('life-counts').said === said) return
  at('life-counts').said = said
  const counts = said ? said.split(',').map(Number) : []
  at('life-counts').replaceChildren(...counts.flatMap((slots, phase) => {
    if (slots === 0) return []
    const entry = make('li', '', `${PHASES[phase]} `)
    entry.dataset.phase = PHASES[phase]
    entry.append(make('output', '', count(slots)))
    return [entry]
  }))
}

const ofLoop = () => (grids.length > 1 ? ` of loop ${life.worker}` : '')

function pickSlot(slot) {
  Object.assign(life, { slot, steps: '', connection: undefined })
  showCounts()
  at('life-slots').replaceChildren()
  at('life-steps').replaceChildren()
  at('life-back').hidden = slotsEach === 1
  say('life-title', `Slot ${slot}${ofLoop()}`)
  say('life-about', 'asking …')
  ask()
}

/** Asks for the slot's steps, and again a second after they have come. */
async function ask() {
  const mine = life
  clearTimeout(mine.timer)
  mine.asking?.abort()
  const asking = mine.asking = new AbortController()
  let answer
  try {
    const response = await fetch(`/slot?worker=${mine.worker}&slot=${mine.slot}`, { signal: asking.signal })
    answer = response.ok ? await response.json() : { status: response.status }
  } catch {
    answer = { status: 0 }
  }
  if (life !== mine || asking.signal.aborted) return
  showLife(answer)
  if (!document.hidden) mine.timer = setTimeout(ask, ASK_AGAIN)
}

function showLife({ status, connection, client, phase, steps }) {
  if (!connection) {
    const left = life.connection
      ? `${life.connection} has left; nobody lives here now.` : 'Nobody lives here now.'
    return say('life-about', status === 0 ? 'The server cannot be reached; this is what it last said.'
      : !status || status === 404 ? left : `The server answered ${status}.`)
  }
  life.connection = connection
  say('life-title', `${connection} in slot ${life.slot}${ofLoop()}`)
  say('life-about', `${phase}; ${client ?? 'a client without an address'}`)
  const said = JSON.stringify(steps)
  if (life.steps === said) return
  life.steps = said
  // Who reads at the end is to stay there.
  const panel = at('life')
  const isAtEnd = panel.scrollTop + panel.clientHeight >= panel.scrollHeight - 4
  at('life-steps').replaceChildren(...timeline(steps))
  if (isAtEnd) panel.scrollTop = panel.scrollHeight
}

/** What happened, with a line for each pause. Times count from the last pause. */
function timeline(steps) {
  const lines = []
  let began = 0 // when the last pause was over
  let over = -Infinity // when the step before was
  let told = ''
  for (const { at: moment, took, text, file } of steps) {
    if (moment - over >= A_PAUSE) {
      const later = over === -Infinity ? '' : `${time(moment - over)} later, `
      lines.push(make('li', 'pause', `${later}${time(moment)} after the server’s start`))
      began = moment
      told = ''
    }
    // Steps without exact times have that of their turn, which is said once.
    const when = moment > began ? `+${time(moment - began)}` : ''
    const line = make('li')
    if (when !== told) line.append(make('span', 'when', when))
    told = when
    line.append(make('span', 'text', text))
    const where = make('small', '', took > 0 ? `took ${time(took)}${file ? ', ' : ''}` : '')
    if (file) where.append(make('code', '', file))
    line.append(where)
    lines.push(line)
    over = Math.max(over, moment + (took ?? 0))
  }
  return lines
}

// --- the stream ---

const TRY_AGAIN = 2000 // milliseconds, where the browser gives up by itself
const A_RESTART = 1 // seconds that a server must have started later to be another one

let source = null
let latest = null // the snapshot that is to be drawn
let drawing = 0
let lastSeen = null // when the last one came
let mayBeOther = false // whether the server may have been started anew since
let started = 0 // when it was, by this browser's clock, in seconds
let wasStopping = false
let goneTimer = 0
let retryTimer = 0

function listen() {
  if (source || document.hidden) return
  source = new EventSource('/events')
  mayBeOther = true
  source.onmessage = ({ data }) => {
    latest = JSON.parse(data)
    lastSeen = new Date()
    // However many come at once: one drawing of the newest.
    drawing ||= requestAnimationFrame(draw)
  }
  source.onerror = () => {
    mayBeOther = true
    showGone()
    // An answer that is no stream, of a server that is full or another one, ends the trying.
    if (source?.readyState !== EventSource.CLOSED) return
    stopListening()
    clearTimeout(retryTimer)
    retryTimer = setTimeout(listen, TRY_AGAIN)
  }
}

function stopListening() {
  source?.close()
  source = null
}

function draw() {
  drawing = 0
  const snapshot = latest
  clearInterval(goneTimer)
  goneTimer = 0
  remember(snapshot, isOther(snapshot))
  showState(snapshot.state, snapshot.state)
  wasStopping = snapshot.state === 'stopping'
  say('version', snapshot.version)
  say('uptime', longTime(snapshot.uptime))
  say('workers', count(snapshot.workers))
  say('requests', count(snapshot.requests))
  drawCells(snapshot.cells)
  drawLegend(snapshot)
  drawFigures(snapshot)
  drawCalls(snapshot)
  drawLatency(snapshot)
  drawHistogram(snapshot)
  drawEnds(snapshot)
  if (life && !life.cell.isConnected) closeLife()
  showCounts()
}

/** Whether the server is another than before, from which there are no differences to be taken. */
function isOther({ uptime }) {
  const before = started
  started = lastSeen / 1000 - uptime
  const isSo = mayBeOther && Math.abs(started - before) > A_RESTART
  mayBeOther = false
  return isSo
}

function showState(state, words, since = '') {
  const root = document.documentElement
  if (root.dataset.state !== state) root.dataset.state = state
  say('state', words)
  say('since', since)
}

/** The server is gone: since when, said anew each second until it is back. */
function showGone() {
  // What it said last is to be seen first: that it stops, if it did.
  if (drawing) {
    cancelAnimationFrame(drawing)
    draw()
  }
  const tell = () => {
    if (!lastSeen) return showState('gone', 'not reached yet; trying again')
    const ago = longTime((Date.now() - lastSeen) / 1000)
    const how = wasStopping ? 'stopped' : 'not reachable'
    showState('gone', how, `; last seen ${ago} ago, at ${lastSeen.toLocaleTimeString()}`)
  }
  tell()
  if (!goneTimer && !document.hidden) goneTimer = setInterval(tell, 1000)
}

/** A page that nobody sees costs the loop nothing. */
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    stopListening()
    clearInterval(goneTimer)
    clearTimeout(retryTimer)
    clearTimeout(life?.timer)
    goneTimer = 0
  } else {
    listen()
    if (life && life.slot !== null) ask()
  }
})

at('slots').addEventListener('click', ({ target }) => {
  const cell = target.closest('.cell')
  if (cell) openCell(cell)
})
at('slots').addEventListener('keydown', walk)
at('life-slots').addEventListener('click', ({ target }) => {
  if (life && target.dataset.slot) pickSlot(Number(target.dataset.slot))
})
at('life-back').addEventListener('click', showCell)
at('life-close').addEventListener('click', closeLife)
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') closeLife()
})
at('histogram-span').addEventListener('click', ({ target }) => {
  target.setAttribute('aria-pressed', String(target.getAttribute('aria-pressed') !== 'true'))
  if (beats.length > 0) drawHistogram(beats[beats.length - 1])
})

listen()
