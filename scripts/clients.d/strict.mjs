// Every kind of answer, read by Node's parser (llhttp) in its strict mode.
//
// The raw requests and what must come back are in requests.txt. Each goes out over a socket of its
// own; what comes back is cut into answers by nobody but llhttp, which is given the bytes one by one:
// an answer ends where llhttp says so, and no byte may be left. llhttp is reached through http.request
// on a connection that is none.
//
// Relies on Node 18 or later and on scripts/clients, which says in the environment where the servers
// and the folder are.

import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { Duplex } from 'node:stream'
import { once } from 'node:events'

const SERVERS = {
  files: process.env.FILES,
  forbidden: process.env.FORBIDDEN,
  fixed: process.env.FIXED,
  answers: process.env.ANSWERS,
}
const FOLDER = process.env.FOLDER
const AT_ONCE = 8
const PAUSE_MS = 60 // what `~` waits where nothing has to come back
const PATIENCE_MS = 10_000 // for all that a case gets
const CLOCK_MS = 5000 // how far a Date may be from our time
const LAST_REQUEST = {
  files: 'GET /hello.txt HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n',
  answers: 'GET /last HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n',
}
LAST_REQUEST.forbidden = LAST_REQUEST.fixed = LAST_REQUEST.files

class Wrong extends Error {}

function check(holds, what) {
  if (!holds) throw new Wrong(what)
}

// --- requests.txt ---

function readCases(file) {
  const cases = []
  let server, answers, claims
  fs.readFileSync(file, 'utf8').split('\n').forEach((line, at) => {
    const where = `${path.basename(file)}:${at + 1}`
    const section = /^\[(\w+)\]$/.exec(line)
    if (section) {
      server = section[1]
    } else if (line.startsWith('  ')) {
      cases.push({ where, server, answers, claims, text: line.slice(2) })
    } else if (line !== '' && !line.startsWith('#')) {
      [answers, ...claims] = line.split('  ')
      answers = answers === 'none' ? [] : answers.split(' ').map(word => readAnswer(word, where))
    }
  })
  return cases
}

function readAnswer(word, where) {
  const parts = /^(\d{3})(h?)(x?)(!?)$/.exec(word)
  if (!parts) throw new Error(`${where}: ${word} is no answer`)
  const [, status, isHead, isCut, closes] = parts
  return { status: Number(status), isHead: !!isHead, isCut: !!isCut, closes: !!closes }
}

// The steps of a request: bytes to send, 'pause' and 'end'.
function readSteps(text, validators) {
  let whole = text.replace(/\{(etag|modified) ([^}]+)\}/g, (_, kind, name) => validators[name][kind])
  for (let before; before !== whole;) {
    before = whole
    whole = whole.replace(/\{([^{}]*)\*(\d+)\}/, (_, what, times) => what.repeat(Number(times)))
  }
  const steps = []
  const ends = whole.endsWith('$')
  for (const piece of (ends ? whole.slice(0, -1) : whole).split('~')) {
    if (steps.length > 0) steps.push('pause')
    if (piece !== '') steps.push(unescaped(piece))
  }
  if (ends) steps.push('end')
  return steps
}

function unescaped(text) {
  const plain = { r: '\r', n: '\n', t: '\t', '\\': '\\' }
  const one = (token, hex) => {
    if (token === '|') return '\r\n'
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16))
    return plain[token[1]]
  }
  return Buffer.from(text.replace(/\||\\x([0-9a-f]{2})|\\[rnt\\]/g, one), 'latin1')
}

// --- the wire ---

// Sends one case and returns all that comes back until the server closes.
async function converse(address, steps, pause) {
  const [host, port] = address.split(':')
  const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true })
  const pieces = []
  let failed
  socket.on('data', piece => pieces.push(piece))
  // Writing to a server that has closed may fail; what it said before is what counts.
  socket.on('error', error => { failed = error })
  const ended = new Promise(resolve => socket.once('end', resolve).once('close', resolve))
  const impatience = AbortSignal.timeout(PATIENCE_MS)
  impatience.onabort = () => {
    failed = new Wrong(`the server did not close within ${PATIENCE_MS} ms`)
    socket.destroy()
  }
  await once(socket, 'connect')
  for (const step of steps) {
    if (step === 'pause') await Promise.race([once(socket, 'data'), sleep(pause)]).catch(() => {})
    else if (step === 'end') socket.end()
    else socket.write(step)
  }
  await ended
  impatience.onabort = null
  socket.destroy()
  const received = Buffer.concat(pieces)
  if (failed instanceof Wrong) failed.message += `, having sent ${shown(received)}`
  if (failed) throw failed
  return received
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

// --- llhttp ---

// A connection that swallows what is written to it; its `data` events are ours.
class NoConnection extends Duplex {
  _read() {}
  _write(_chunk, _encoding, done) { done() }
}

// Lets llhttp read one answer from the beginning of `bytes`. Says how many bytes it took.
async function parse(bytes, isHead) {
  const wire = new NoConnection()
  const request = http.request({
    method: isHead ? 'HEAD' : 'GET',
    createConnection: () => wire,
    insecureHTTPParser: false,
    setHost: false,
  })
  const informed = []
  let response, complaint
  request.on('information', ({ statusCode }) => informed.push(statusCode))
  request.on('error', error => { complaint ??= error })
  request.on('response', message => {
    response = message
    message.body = []
    message.on('data', piece => message.body.push(piece))
    message.on('error', error => { complaint ??= error })
  })
  request.end()
  await once(request, 'socket')
  while (wire.listenerCount('data') === 0) await sleep(0)

  let at = 0
  while (at < bytes.length && !complaint && !response?.complete) {
    const size = response ? contentStep(response, bytes.length - at) : 1
    wire.emit('data', bytes.subarray(at, at + size))
    at += size
  }
  const endedItself = response?.complete ?? false
  if (!endedItself && !complaint) wire.emit('end')
  wire.emit('close')
  if (response?.complete && !response.readableEnded) await once(response, 'end')
  wire.destroy()
  // That an answer is cut short is told by `isWhole`.
  if (response && complaint?.code === 'ECONNRESET') complaint = undefined
  return { took: at, informed, response, complaint, endedItself, isWhole: response?.complete ?? false }
}

// How many bytes to give at once: the head and chunks go byte by byte, content whose end is known
// whole.
function contentStep(response, left) {
  if (response.headers['transfer-encoding'] !== undefined) return 1
  const length = response.headers['content-length']
  return length === undefined ? left : Math.min(Math.max(Number(length), 1), left)
}

// --- the checks ---

function shown(bytes) {
  const text = bytes.subarray(0, 200).toString('latin1')
  return JSON.stringify(text) + (bytes.length > 200 ? ` and ${bytes.length - 200} more bytes` : '')
}

async function checkCase(one, validators) {
  const steps = readSteps(one.text, validators)
  const staysOpen = !one.answers.at(-1)?.closes && steps.at(-1) !== 'end'
  const answers = [...one.answers]
  if (staysOpen) {
    steps.push(Buffer.from(LAST_REQUEST[one.server]))
    answers.push({ status: 200, closes: true, isFarewell: true })
  }
  const pause = answers.some(({ status }) => status < 200) ? PATIENCE_MS : PAUSE_MS
  const bytes = await converse(SERVERS[one.server], steps, pause)
  let at = 0
  let count = 0
  while (answers.length > 0) {
    const interim = []
    while (answers[0].status < 200) interim.push(answers.shift().status)
    const expected = answers.shift()
    const rest = bytes.subarray(at)
    const name = `answer ${count + 1}`
    check(rest.length > 0, `${name} is missing; ${expected.status} should have come`)
    const got = await parse(rest, expected.isHead)
    const says = got.complaint?.reason ?? got.complaint?.message
    check(!says, `${name}: the parser says '${says}' after ${got.took} bytes of ${shown(rest)}`)
    check(got.response, `${name}: no head in ${shown(rest)}`)
    try {
      check(`${got.informed}` === `${interim}`, `interim answers [${got.informed}] instead of [${interim}]`)
      checkAnswer(got, expected, expected.isFarewell ? [] : one.claims)
    } catch (wrong) {
      if (wrong instanceof Wrong) wrong.message = `${name}: ${wrong.message}, in ${shown(rest)}`
      throw wrong
    }
    at += got.took
    count += 1 + interim.length
  }
  check(at === bytes.length, `${bytes.length - at} bytes behind the last answer: ${shown(bytes.subarray(at))}`)
  return count
}

function checkAnswer({ response, isWhole, endedItself, took }, expected, claims) {
  const { statusCode: status, headers } = response
  check(status === expected.status, `${status} instead of ${expected.status}`)
  check(response.httpVersion === '1.1', `the version is ${response.httpVersion}`)
  const length = isWhole ? 'whole, but should be cut short' : `cut short after ${took} bytes`
  check(isWhole === !expected.isCut, length)
  const names = response.rawHeaders.filter((_, at) => at % 2 === 0).map(name => name.toLowerCase())
  check(new Set(names).size === names.length, `a field is repeated: ${names}`)
  check(Math.abs(Date.now() - Date.parse(headers.date)) < CLOCK_MS, `Date is ${headers.date}`)
  const { connection } = headers
  if (expected.closes && !expected.isCut) check(connection === 'close', `Connection is ${connection} instead of close`)
  if (!expected.closes) {
    check(connection === undefined || connection === 'keep-alive', `Connection is ${connection}`)
    check(endedItself, 'only the close ends it')
  }
  const body = Buffer.concat(response.body)
  const hasNone = expected.isHead || status === 204 || status === 304
  check(!hasNone || body.length === 0, `${body.length} bytes of content`)
  for (const claim of claims) checkClaim(claim, status, headers, body, hasNone)
  if (status >= 400 && !hasNone) {
    check(headers['content-type'] === 'text/plain; charset=utf-8', `Content-Type is ${headers['content-type']}`)
    check(/^\S[^\n]+\n$/.test(body.toString()), `the body ${shown(body)} is no line`)
  }
}

function checkClaim(claim, status, headers, body, hasNone) {
  const field = /^([A-Z][\w-]*):(?: (.*))?$/.exec(claim)
  if (field) {
    const value = headers[field[1].toLowerCase()]
    const holds = field[2] === undefined || field[2] === value || value?.startsWith(`${field[2]};`)
    check(value !== undefined && holds, `${field[1]} is ${value} instead of ${field[2] ?? 'there'}`)
  } else if (claim.startsWith('file ')) {
    const content = () => fs.readFileSync(path.join(FOLDER, claim.slice(5)))
    check(status !== 200 || hasNone || body.equals(content()), `the content is not that of ${claim.slice(5)}`)
  } else if (status >= 400) {
    check(body.toString() === `${claim}\n`, `the body is ${shown(body)} instead of ${JSON.stringify(claim)}`)
  }
}

// --- all of it ---

async function validatorsOf(names) {
  const validators = {}
  for (const name of names) {
    const [host, port] = SERVERS.files.split(':')
    const request = http.request({ host, port, method: 'HEAD', path: `/${name}`, agent: false })
    request.end()
    const [response] = await once(request, 'response').catch(error => {
      console.error(`HEAD /${name}: ${error.message}`)
      process.exit(1)
    })
    response.resume()
    validators[name] = { etag: response.headers.etag, modified: response.headers['last-modified'] }
  }
  return validators
}

const cases = readCases(path.join(import.meta.dirname ?? path.dirname(process.argv[1]), 'requests.txt'))
const named = cases.flatMap(({ text }) => [...text.matchAll(/\{(?:etag|modified) ([^}]+)\}/g)])
const validators = await validatorsOf(new Set(named.map(([, name]) => name)))
const todo = cases.filter(({ server }) => SERVERS[server])
const wrong = new Map()
let next = 0
let answers = 0

async function work() {
  while (next < todo.length) {
    const at = next++
    const one = todo[at]
    try {
      const count = await checkCase(one, validators)
      answers += count
    } catch (error) {
      if (!(error instanceof Wrong) && error.code === undefined) throw error
      wrong.set(at, `${one.where}: ${one.text.slice(0, 200)}\n    ${error.message}`)
    }
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work))
if (wrong.size > 0) {
  console.error(wrong.get(Math.min(...wrong.keys())))
  console.error(`${wrong.size} of ${todo.length} requests were answered wrongly`)
  process.exit(1)
}
console.log(`${answers} answers`)
console.log(`to ${todo.length} raw requests`)
