// Chromium in a real site: pages of Rust's documentation, its search and its source, then a seek in a
// recording. Whatever the browser asked for must have come, with the bytes of the file.
//
// Relies on Node alone, on chromium.mjs, and on SITE, SITE_FOLDER, DOWNLOADS, DOWNLOADS_FOLDER and SCRATCH
// of scripts/clients. Asks for nothing but loopback.

import { mkdirSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'

import { Browser, MOST_MS } from './chromium.mjs'

const { SITE, SITE_FOLDER, DOWNLOADS, DOWNLOADS_FOLDER } = process.env
const RECORDING = { rate: 48_000, frame: 4, bytes: 2 ** 30 } // 16 bits, two channels: 93 minutes

// --- what came over the network ---

/** Every request of the page, and what became of it. */
class Traffic {
  requests = new Map()
  statuses = new Map() // as they were on the wire: 304 is 200 elsewhere
  failed = []

  constructor(browser) {
    this.browser = browser
    browser.listeners.push((method, params) => this[method]?.(params))
  }

  'Network.requestWillBeSent'({ requestId, loaderId, request }) {
    if (request.url.startsWith('http')) this.requests.set(requestId, { url: request.url, loaderId })
  }

  /** What a page has still to load when it is left is not told any more, nor the bytes of it. */
  'Page.frameNavigated'({ frame }) {
    this.requests.forEach((request, id) => {
      request.isLeft = request.loaderId !== frame.loaderId
      if (request.isLeft && !request.finished) this.requests.delete(id)
    })
  }

  'Network.responseReceivedExtraInfo'({ statusCode }) {
    this.statuses.set(statusCode, (this.statuses.get(statusCode) ?? 0) + 1)
  }

  'Network.responseReceived'({ requestId, type, response }) {
    const request = this.requests.get(requestId)
    if (request) Object.assign(request, { type, response })
  }

  'Network.loadingFinished'({ requestId }) {
    const request = this.requests.get(requestId)
    if (!request) return
    request.finished = true
    // It is forgotten with the page. That of the icon, which is of type Other, is never told.
    request.content = this.browser.tell('Network.getResponseBody', { requestId }).catch(() => ({}))
  }

  'Network.loadingFailed'({ requestId, errorText, canceled }) {
    const request = this.requests.get(requestId)
    if (request && !canceled) this.failed.push(`${request.url}: ${errorText}`)
    if (request) request.finished = request.canceled = true
  }

  'Runtime.exceptionThrown'({ exceptionDetails }) {
    this.failed.push(`a script: ${exceptionDetails.exception?.description}`)
  }

  /** All that was asked for since the last time; each must have come, with the bytes of its file. */
  async checked() {
    const deadline = Date.now() + MOST_MS
    for (let loading; (loading = [...this.requests.values()].find(request => !request.finished));) {
      if (Date.now() > deadline) throw new Error(`it loads and loads: ${JSON.stringify(loading)}`)
      await after(20)
    }
    if (this.failed.length) throw new Error(this.failed.join('\n'))
    const requests = [...this.requests.values()].filter(request => !request.canceled)
    this.requests.clear()
    for (const { url, type, response, content, isLeft } of requests) {
      const { pathname, host } = new URL(url)
      if (host !== SITE) throw new Error(`who asked for ${url}?`)
      if (response.status !== 200 && response.status !== 304) throw new Error(`${url}: ${response.status}`)
      if (type === 'Other') continue
      const { body, base64Encoded } = await content
      if (body === undefined && (isLeft || type === 'Font')) continue // a font says itself whether it is right
      if (body === undefined) throw new Error(`${url}: its content is not to be had`)
      const found = Buffer.from(body, base64Encoded ? 'base64' : 'utf8')
      const expected = readFileSync(SITE_FOLDER + decodeURIComponent(pathname))
      if (!found.equals(expected)) throw new Error(`${url}: other bytes than in the file`)
    }
    return requests.map(({ response }) => response)
  }
}

// --- what a reader of the documentation does ---

function expect(what, expected, found) {
  if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}`)
}

/** Pages by their links, the source of one of them, and the search. */
async function readAbout(browser) {
  const traffic = new Traffic(browser)
  const all = []
  const came = async (what, condition) => {
    await browser.until(`document.readyState === 'complete' && (${condition})`)
    const fonts = await browser.value('document.fonts.ready.then(fonts => [...fonts].map(font => font.status))')
    if (fonts.includes('error') || !fonts.includes('loaded')) throw new Error(`${what}: its fonts are ${fonts}`)
    const answers = await traffic.checked().catch(error => {
      throw new Error(`${what}: ${error.message}`)
    })
    all.push(...answers)
  }
  const click = selector => browser.value(`document.querySelector('${selector}').click()`)

  await browser.tell('Page.navigate', { url: `http://${SITE}/std/index.html` })
  await came('the first page', `document.querySelector('h1').innerText.includes('std')`)
  await click('a.mod[href="fs/index.html"]')
  await came('a module', `document.querySelector('h1').innerText.includes('fs')`)
  await click('a.struct[href="struct.File.html"]')
  await came('a type', `document.title.startsWith('File in std::fs')`)
  const styled = await browser.value(`getComputedStyle(document.querySelector('.sidebar')).position`)
  expect('the style of a page', 'sticky', styled)
  await click('a.src[href*="/src/std/fs.rs.html"]')
  await came('its source', `document.querySelector('pre.rust')?.innerText.includes('pub struct File')`)
  await browser.tell('Page.navigate', { url: `http://${SITE}/std/index.html?search=BufReader` })
  await came('the search', `document.querySelector('#search a.result-struct[href*="struct.BufReader.html"]')?.href`)
  await click('#search a.result-struct[href*="struct.BufReader.html"]')
  await came('what was found', `document.title.startsWith('BufReader in std::io')`)
  // What it has is asked about, and need not come again.
  const before = traffic.statuses.get(304) ?? 0
  await browser.tell('Page.reload')
  await came('the same again', `document.title.startsWith('BufReader in std::io')`)
  if ((traffic.statuses.get(304) ?? 0) <= before) throw new Error('nothing was 304 when it was asked for again')

  const wrong = [...traffic.statuses.keys()].filter(status => status !== 200 && status !== 304)
  if (wrong.length) throw new Error(`there were answers with ${wrong}`)
  const compressed = all.filter(answer => answer.headers['Content-Encoding'] === 'br').length
  if (compressed === 0) throw new Error(`none of ${all.length} answers was compressed by brotli`)
  return { answers: all.length, compressed }
}

/** A WAV file that is silence but for its head: it takes no room on the disk. */
function record(path) {
  const { rate, frame, bytes } = RECORDING
  const head = Buffer.alloc(44)
  head.write('RIFF')
  head.writeUInt32LE(bytes - 8, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20) // as it is
  head.writeUInt16LE(2, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(rate * frame, 28)
  head.writeUInt16LE(frame, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(bytes - 44, 40)
  writeSync(openSync(path, 'w'), head)
  truncateSync(path, bytes)
}

/** Far into a recording and back, each time until it plays from there. */
async function seek(browser) {
  const folder = `${DOWNLOADS_FOLDER}/browse`
  mkdirSync(folder)
  record(`${folder}/silence.wav`)
  const page = '<!DOCTYPE html><title>Listen</title><audio src="silence.wav" controls></audio>'
  writeFileSync(`${folder}/index.html`, page)
  const ranges = []
  browser.listeners.push((method, params) => {
    if (method === 'Network.responseReceived' && params.response.url.endsWith('.wav')) ranges.push(params.response)
  })
  await browser.tell('Page.navigate', { url: `http://${DOWNLOADS}/browse/` })
  await browser.until(`document.querySelector('audio')?.readyState >= 1`)
  const seconds = await browser.value(`document.querySelector('audio').duration`)
  expect('the length in seconds', Math.floor(RECORDING.bytes / RECORDING.rate / RECORDING.frame), Math.floor(seconds))
  await browser.value(`document.querySelector('audio').play()`)
  for (const part of [0.9, 0.3, 0.6]) {
    const to = Math.floor(seconds * part)
    await browser.value(`document.querySelector('audio').currentTime = ${to}`)
    await browser.until(`(({ seeking, currentTime }) =>
      !seeking && currentTime > ${to} + 0.2 && currentTime < ${to} + 30)(document.querySelector('audio'))`)
    const near = ranges.some(({ status, headers }) => {
      const [, first] = /^bytes (\d+)-/.exec(headers['Content-Range'] ?? '') ?? []
      return status === 206 && Math.abs(first / RECORDING.bytes - part) < 0.02
    })
    const said = ranges.map(({ headers }) => headers['Content-Range'])
    if (!near) throw new Error(`no range was asked for near ${part}: ${said}`)
  }
  const whole = ranges.filter(({ status }) => status !== 206)
  if (whole.length) throw new Error(`ranges were answered with ${whole.map(({ status }) => status)}`)
  return ranges.length
}

const browser = new Browser()
try {
  await browser.open()
  const { answers, compressed } = await readAbout(browser)
  const ranges = await seek(browser)
  console.log(`${answers + ranges} answers`)
  console.log(`${compressed} of them brotli, ${ranges} ranges of a recording`)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  await browser.end()
}
process.exit()
