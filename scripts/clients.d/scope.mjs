// Chromium looks at the scope, the live page of the admin listener: a cell for each connection in the
// colour of its phase, figures that move under load and agree with what the client counted, and the
// timeline of a connection. The page must ask for nothing but its own server and break no rule of its
// Content-Security-Policy; where nothing changes it must change nothing; and it must find back to a
// server that has gone.
//
// Relies on Node alone, on chromium.mjs, and on BUILT, FOLDER and SCRATCH of scripts/clients. It starts
// and ends servers of its own. Pictures of what was seen are left in SHOTS, if that is a folder.

import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as after } from 'node:timers/promises'

import { Browser, MOST_MS } from './chromium.mjs'

const { BUILT, FOLDER, SHOTS } = process.env
const CROWD = 5000 // connections, of which a cell shows several
const BEATS = 4 // of the page, in which nothing may change where nothing happens
const BATCHES = 300 // of pipelined requests, on each connection of the load
const DEPTH = 16
const LOAD_CONNECTIONS = 8
const TRICKLE_MS = 500 // between two bytes that keep a connection lingering

/** How a connection comes to be in a phase, and how many shall be: different ones, lest they be mixed up. */
const PHASES = {
  idle: { many: 7, says: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' },
  head: { many: 6, says: 'GET / HTTP/1.1\r\nHost: ' },
  answering: { many: 5, says: 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n' },
  body: { many: 4, says: 'POST /shout HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc' },
  writing: { many: 3, says: 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n', isDeaf: true },
  lingering: { many: 2, says: 'what?\r\n\r\n', trickles: true },
}

function expect(what, expected, found) {
  const [one, other] = [JSON.stringify(expected), JSON.stringify(found)]
  if (one !== other) throw new Error(`${what}: ${other} instead of ${one}`)
}

// --- servers ---

/** A server with an admin listener, which says where both are. */
class Served {
  static all = []

  static async start(program, ...args) {
    const served = new Served()
    Served.all.push(served)
    served.process = spawn(`${BUILT}/${program}`, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    served.complaints = ''
    served.process.stderr.on('data', piece => (served.complaints += piece))
    served.ended = new Promise(resolve => served.process.once('exit', resolve))
    const addresses = []
    for await (const line of createInterface({ input: served.process.stdout })) {
      const [, address] = / on http:\/\/([0-9.:]+)\//.exec(line) ?? []
      if (address) addresses.push(address)
      if (addresses.length === 2) break
    }
    if (addresses.length < 2) throw new Error(`${program} did not start: ${served.complaints}`)
    ;[served.address, served.admin] = addresses
    return served
  }

  async status() {
    return (await fetch(`http://${this.admin}/status`)).json()
  }

  /** An orderly stop, of which nothing is said on standard error but that the page has to leave. */
  async stop() {
    Served.all.splice(Served.all.indexOf(this), 1)
    this.process.kill('SIGTERM')
    const code = await this.ended
    const complaints = this.complaints.replace(/^oneloop: (worker \d+: )?stopping when .* done\n/, '')
    expect(`the end of ${this.process.spawnargs}`, [0, ''], [code, complaints])
  }
}

// --- clients ---

const clients = new Set()

/** A connection that has said something. A deaf one reads nothing, one that trickles goes on speaking. */
function say(address, words, { isDeaf = false, trickles = false } = {}) {
  const [host, port] = address.split(':')
  return new Promise((resolve, reject) => {
    const client = connect({ host, port: Number(port), noDelay: true, allowHalfOpen: true }, () => {
      client.write(words, () => resolve(client))
    })
    const trickle = trickles && setInterval(() => client.write('x'), TRICKLE_MS)
    client.once('close', () => {
      clearInterval(trickle)
      clients.delete(client)
    })
    client.once('error', reject)
    client.on('error', () => {}) // a reset, at the end
    clients.add(client)
    if (!isDeaf) client.on('data', () => {})
  })
}

const hangUp = () => clients.forEach(client => client.destroy())

/** Batch after batch of pipelined requests on one connection. Returns how many were answered. */
async function load(address, answer) {
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  const client = await say(address, '')
  let [answers, bytes, wanted] = [0, 0, 0]
  await new Promise((resolve, reject) => {
    const next = () => {
      if (wanted === BATCHES * DEPTH) return resolve()
      wanted += DEPTH
      client.write(request.repeat(DEPTH))
    }
    client.on('data', piece => {
      bytes += piece.length
      answers = bytes / answer
      if (answers === wanted) next()
    })
    client.once('close', () => reject(new Error(`closed after ${answers} of ${wanted} answers`)))
    next()
  })
  client.destroy()
  return answers
}

/** How long an answer is, head and all. */
async function lengthOfAnswer(address) {
  const client = await say(address, '')
  const length = new Promise(resolve => client.once('data', piece => resolve(piece.length)))
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const found = await length
  client.destroy()
  return found
}

// --- the page ---

/** The scope in the browser, and whatever it does that it must not. */
class Scope {
  wrongs = []

  constructor(browser) {
    this.browser = browser
    browser.listeners.push((method, params) => {
      if (method === 'Runtime.exceptionThrown') {
        this.wrongs.push(`a script: ${params.exceptionDetails.exception?.description}`)
      } else if (method === 'Log.entryAdded') {
        this.wrongs.push(`the console: ${params.entry.text} ${params.entry.url ?? ''}`)
      } else if (method === 'Network.requestWillBeSent') {
        const { protocol, host } = new URL(params.request.url)
        if (params.request.url.endsWith('/events')) this.stream = params.requestId
        if (protocol === 'http:' && host !== this.host || !['http:', 'data:', 'about:'].includes(protocol)) {
          this.wrongs.push(`who asked for ${params.request.url}?`)
        }
      } else if (method === 'Network.loadingFailed' || method === 'Network.loadingFinished') {
        if (params.requestId === this.stream) this.stream = undefined
      }
    })
  }

  /** Whether the stream is open, when it is as it should be. */
  async untilListening(expected) {
    const deadline = Date.now() + MOST_MS
    while ((this.stream !== undefined) !== expected) {
      if (Date.now() > deadline) throw new Error(`the page listens: ${!expected}`)
      await after(20)
    }
  }

  async open(served) {
    this.host = served.admin
    await this.browser.tell('Page.navigate', { url: `http://${served.admin}/` })
    await this.browser.until(`document.documentElement.dataset.state === 'serving'`)
  }

  value(expression) {
    return this.browser.value(expression)
  }

  /** What the elements with these ids say. */
  texts(...ids) {
    return this.value(`${JSON.stringify(ids)}.map(id => document.getElementById(id).textContent)`)
  }

  click(selector) {
    return this.value(`document.querySelector(${JSON.stringify(selector)}).click()`)
  }

  async press(key) {
    const code = { ' ': 'Space' }[key] ?? key
    const text = key === 'Enter' ? '\r' : undefined
    const windowsVirtualKeyCode = { Enter: 13, Escape: 27, ArrowRight: 39, Home: 36 }[key]
    for (const type of ['keyDown', 'keyUp']) {
      await this.browser.tell('Input.dispatchKeyEvent', { type, key, code, text, windowsVirtualKeyCode })
    }
  }

  async look(scheme, width = 1400) {
    const features = [{ name: 'prefers-color-scheme', value: scheme }]
    await this.browser.tell('Emulation.setEmulatedMedia', { features })
    const size = { width, height: 1000, deviceScaleFactor: 1, mobile: false }
    await this.browser.tell('Emulation.setDeviceMetricsOverride', size)
  }

  /** A picture of it by day and by night, and that it is nowhere wider than the window. */
  async show(name, width) {
    for (const scheme of ['light', 'dark']) {
      await this.look(scheme, width)
      const tooWide = 'document.documentElement.scrollWidth > document.documentElement.clientWidth'
      expect(`whether ${name} has to be moved sidewards`, false, await this.value(tooWide))
      if (!SHOTS) continue
      await after(300) // until colours have gone over into each other
      const { data } = await this.browser.tell('Page.captureScreenshot', { captureBeyondViewport: true })
      writeFileSync(`${SHOTS}/${name}-${scheme}.png`, Buffer.from(data, 'base64'))
    }
  }

  /** It has done nothing that it must not; and it is left before its server goes, which it would miss. */
  async leave() {
    if (this.wrongs.length) throw new Error(this.wrongs.join('\n'))
    this.host = ''
    await this.browser.tell('Page.navigate', { url: 'about:blank' })
    await this.browser.until(`location.href === 'about:blank'`)
  }
}

/** How many cells are in each phase; in the legend, how many it says. */
const COUNTED = `(phases => phases.map(phase => [
  document.querySelectorAll('.cell[data-phase=' + phase + ']').length,
  Number(document.querySelector('#legend [data-phase=' + phase + ']').dataset.count),
]))`

/** Connections in each phase: their cells, the colours of these, and what the legend counts. */
async function seePhases(scope, served) {
  const phases = Object.keys(PHASES)
  for (const { many, says, ...how } of Object.values(PHASES)) {
    for (let n = 0; n < many; n++) await say(served.address, says, how)
  }
  const expected = Object.values(PHASES).map(({ many }) => [many, many])
  const counted = `${COUNTED}(${JSON.stringify(phases)})`
  const asExpected = `JSON.stringify(${counted}) === '${JSON.stringify(expected)}'`
  await scope.browser.until(asExpected).catch(async error => {
    throw new Error(`${error.message}: ${phases} are ${JSON.stringify(await scope.value(counted))}`)
  })
  for (const scheme of ['dark', 'light']) {
    await scope.look(scheme)
    await after(300) // as above
    const seen = await scope.value(`${JSON.stringify([...phases, 'aside'])}.map(phase => {
      const cell = document.querySelector('.cell[data-phase=' + phase + ']')
      const swatch = document.querySelector('#legend [data-phase=' + phase + '] .swatch')
      const [of, beside] = [getComputedStyle(cell), getComputedStyle(swatch)]
      return [of.backgroundColor, beside.backgroundColor, getComputedStyle(cell, '::before').content]
    })`)
    seen.forEach(([cell, swatch], n) => expect(`the colour of ${phases[n]} in the legend`, cell, swatch))
    expect('how many colours there are', seen.length, new Set(seen.map(([colour]) => colour)).size)
    expect('the letters', ['i', 'h', 'a', 'b', 'w', 'l', 's'], seen.map(([, , letter]) => JSON.parse(letter)))
  }
  await scope.show('phases')
  return expected.length
}

/** A timeline by keys alone, and one of each phase by clicking. */
async function readTimelines(scope) {
  const opened = `!document.getElementById('life').hidden
    && document.querySelectorAll('#life-steps li:not(.pause)').length`
  await scope.value(`document.querySelector('.cell').focus()`)
  await scope.press('ArrowRight')
  const slot = await scope.value(`document.activeElement.dataset.slot`)
  expect('the cell that an arrow key leads to', '1', slot)
  await scope.press('Enter')
  await scope.browser.until(opened)
  await scope.press('Escape')
  const closed = await scope.value(
    `[document.getElementById('life').hidden, document.activeElement.dataset.slot]`)
  expect('what is there when it is closed', [true, slot], closed)

  let steps = 0
  const telling = {
    idle: /answered 200/, head: /recv .* bytes/, answering: /said later/, body: /rest of the body/,
    writing: /socket is full/, lingering: /answered 400/,
  }
  for (const [phase, words] of Object.entries(telling)) {
    await scope.click(`.cell[data-phase=${phase}]`)
    await scope.browser.until(
      `document.getElementById('life-about').textContent.startsWith('${phase}; 127.0.0.1:') && ${opened}`)
    const lines = await scope.value(`[...document.querySelectorAll('#life-steps li:not(.pause)')].map(line =>
      [line.querySelector('.text').textContent, line.querySelector('code').textContent])`)
    steps += lines.length
    if (!words.test(lines.map(([text]) => text).join('\n'))) {
      throw new Error(`a connection in ${phase} tells nothing of ${words}: ${JSON.stringify(lines)}`)
    }
    for (const [text, file] of lines) {
      if (!existsSync(`src/${file}`)) throw new Error(`there is no src/${file}, which decided: ${text}`)
    }
    if (phase === 'writing') await scope.show('timeline')
    if (phase === 'head') await scope.show('telephone', 360)
    await scope.look('light')
  }
  // What happens while it is open is seen.
  await scope.click('.cell[data-phase=idle]')
  await scope.browser.until(opened)
  hangUp()
  await scope.browser.until(
    `/gone|nobody lives here/.test(document.getElementById('life-about').textContent)`)
  await scope.click('#life-close')
  await scope.browser.until(`document.querySelector('#closed [data-key="client-left"]')
    && document.querySelector('#legend [data-phase=idle]').dataset.count === '0'`)
  return steps
}

/** Figures move under load, and agree with the client's own count when it is over. */
async function seeLoad(scope, served) {
  const size = await lengthOfAnswer(served.address)
  const loads = Array.from({ length: LOAD_CONNECTIONS }, () => load(served.address, size))
  const moving = scope.browser.until(`
    parseFloat(document.getElementById('requests-rate').textContent.replace(/,/g, '')) > 100
    && parseFloat(document.getElementById('working').textContent) > 0
    && document.querySelector('#requests-rate-line .line').getAttribute('d').length > 10`)
  const answers = (await Promise.all([moving, ...loads])).slice(1).reduce((sum, one) => sum + one, 1)
  const said = answers.toLocaleString('en')
  await scope.browser.until(`document.getElementById('requests').textContent === '${said}'`)
  const row = (table, key) => scope.value(
    `[...document.querySelectorAll('#${table} [data-key="${key}"] td')].map(cell => cell.textContent)`)
  expect('answers with 200', [said], await row('statuses', '200'))
  expect('latencies', said, (await row('percentiles', 'whole'))[0])
  const { calls } = await served.status()
  expect('reads', calls.recvfrom.made.toLocaleString('en'), (await row('calls', 'recvfrom'))[2])
  const each = Number((await row('calls', 'sendto'))[1])
  if (!(each > 0 && each < 0.5)) throw new Error(`${each} writes a request, though ${DEPTH} come at a time`)
  const bars = await scope.value(
    `[...document.querySelectorAll('#histogram i')].filter(bar => bar.offsetHeight > 1).length`)
  if (bars < 2) throw new Error(`a histogram of ${bars} bars`)
  expect('the grids of two loops', 2, await scope.value(`document.querySelectorAll('.cells').length`))
  await scope.show('load')
  return answers
}

/** So many that a cell is several slots; and while nothing happens nothing is drawn. */
async function seeCrowd(scope, served) {
  for (let n = 0; n < CROWD; n += 100) {
    await Promise.all(Array.from({ length: 100 }, () => say(served.address, '')))
  }
  const said = CROWD.toLocaleString('en')
  await scope.browser.until(`document.getElementById('count-idle').textContent === '${said}'`)
  const [cells, inThem] = await scope.value(`(cells => [cells.length, cells.reduce((sum, cell) =>
    sum + Number(/(\\d+) idle/.exec(cell.getAttribute('aria-label'))?.[1] ?? 0), 0)])(
      [...document.querySelectorAll('.cell')])`)
  if (cells > 1024) throw new Error(`${cells} cells`)
  expect('connections in the cells', CROWD, inThem)
  await scope.show('crowd')
  const changes = await scope.value(`new Promise(resolve => {
    let [cells, beats] = [0, 0]
    const all = { subtree: true, childList: true, attributes: true, characterData: true }
    const ofCells = new MutationObserver(changes => { cells += changes.length })
    ofCells.observe(document.getElementById('slots'), all)
    new MutationObserver(() => { if (++beats === ${BEATS}) resolve(cells + ofCells.takeRecords().length) })
      .observe(document.querySelector('#open-line .line'), all)
  })`)
  expect('changes of cells while nothing happened', 0, changes)
  // One of the slots of a cell.
  await scope.click('.cell:nth-child(100)')
  const counts = await scope.value(`document.getElementById('life-counts').textContent`)
  const slots = await scope.value(`document.querySelectorAll('#life-slots button').length`)
  expect('what a cell says of its slots', `idle ${slots}`, counts)
  await scope.click('#life-slots button:last-child')
  await scope.browser.until(`document.querySelectorAll('#life-steps li:not(.pause)').length > 0`)
  await scope.show('crowd-timeline')
  await scope.click('#life-back')
  const again = await scope.value(`document.querySelectorAll('#life-slots button').length`)
  expect('slots to pick from', slots, again)
  await scope.press('Escape')
  hangUp()
  await scope.browser.until(`document.getElementById('count-idle').textContent === '0'`)
}

/** A page that is not looked at does not listen, and listens again when it is. */
async function hide(scope) {
  const see = isHidden => scope.value(`
    Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true }),
    document.dispatchEvent(new Event('visibilitychange')), 0`)
  await see(true)
  await scope.untilListening(false)
  await see(false)
  await scope.untilListening(true)
  const uptime = await scope.value(`document.getElementById('uptime').textContent`)
  await scope.browser.until(`document.getElementById('uptime').textContent !== '${uptime}'`)
}

/** The server stops, for which it waits for a client; it is gone; and it comes back. The page finds out. */
async function goAndComeBack(scope, served) {
  const before = scope.wrongs.length
  await say(served.address, PHASES.head.says)
  await scope.browser.until(`document.querySelectorAll('.cell[data-phase=head]').length === 1`)
  const stopped = served.stop()
  // It is seen to its end.
  await scope.browser.until(`document.documentElement.dataset.state === 'stopping'`)
  await scope.browser.until(`Number(document.querySelector('#legend [data-phase=head]').dataset.count) === 1`)
  await scope.show('stopping')
  const uptime = await scope.value(`document.getElementById('uptime').textContent`)
  await scope.browser.until(`document.documentElement.dataset.state === 'stopping'
    && document.getElementById('uptime').textContent !== '${uptime}'`)
  hangUp()
  await stopped
  await scope.browser.until(`document.documentElement.dataset.state === 'gone'
    && /^stopped; last seen/.test(document.querySelector('.state').textContent)`)
  await scope.show('gone')
  const again = await Served.start('oneloop', 'respond', 'again', '-p', '0', '--admin', served.admin)
  await scope.browser.until(`document.documentElement.dataset.state === 'serving'`)
  await scope.browser.until(`document.getElementById('requests').textContent === '0'`)
  // That it did not reach a server that was not there is all that may be on the console.
  scope.wrongs.splice(before, Infinity, ...scope.wrongs.slice(before)
    .filter(wrong => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING/.test(wrong)))
  await scope.leave()
  await again.stop()
}

// Who is told to end ends the servers first; a browser ends with the pipe to it.
process.once('SIGTERM', () => {
  Served.all.forEach(({ process: server }) => server.kill('SIGKILL'))
  process.exit(1)
})

const browser = new Browser()
try {
  await browser.open()
  await browser.tell('Log.enable')
  const scope = new Scope(browser)

  const example = await Served.start('examples/scope')
  await scope.open(example)
  await scope.show('nobody')
  await seePhases(scope, example)
  const steps = await readTimelines(scope)
  await scope.leave()
  await example.stop()

  const files = await Served.start('oneloop', FOLDER, '-p', '0', '--admin', '127.0.0.1:0')
  await scope.open(files)
  await say(files.address, 'GET /size-20971520.bin HTTP/1.1\r\nHost: a\r\n\r\n', { isDeaf: true })
  await browser.until(`document.querySelectorAll('.cell[data-phase=writing]').length === 1`)
  await scope.show('one')
  hangUp()
  await seeCrowd(scope, files)
  await scope.leave()
  await files.stop()

  const admin = ['--admin', '127.0.0.1:0']
  const fixed = await Served.start('oneloop', 'respond', 'Hello', '-p', '0', '--workers', '2', ...admin)
  await scope.open(fixed)
  const answers = await seeLoad(scope, fixed)
  await scope.leave()
  await fixed.stop()

  const again = await Served.start('oneloop', 'respond', 'Hello', '-p', '0', ...admin)
  await scope.open(again)
  await hide(scope)
  await goAndComeBack(scope, again)

  console.log(`${answers} answers`)
  console.log(`each phase seen, ${CROWD} connections at once, ${steps} steps read`)
} catch (error) {
  console.error(error.stack)
  process.exitCode = 1
} finally {
  hangUp()
  await browser.end()
  Served.all.forEach(({ process }) => process.kill('SIGKILL'))
}
process.exit()
