// Node: fetch, and http with an agent that keeps connections; downloads that are given up, uploads
// with and without Expect.
//
// Relies on Node 18 or later, and on the servers, FOLDER and LINKS of scripts/clients.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { once } from 'node:events'

const { FILES, FIXED, ANSWERS, FOLDER, LINKS } = process.env
const NAMES = fs.readFileSync(LINKS, 'utf8').trimEnd().split('\n').map(line => line.split('\t')[3])
const SIGNAL_MS = 20_000 // the most that one answer may take
const BIG = 'size-20971520.bin'

let count = 0

const bytesOf = name => fs.readFileSync(path.join(FOLDER, name))
const linkTo = name => '/' + name.split('/').map(encodeURIComponent).join('/')

// Assert's own message would print megabytes.
function same(found, expected, what) {
  assert.ok(found.equals(expected), `${what}: ${found.length} bytes that are not the ${expected.length} expected`)
}

async function fetched(address, link, status, options = {}) {
  const signal = AbortSignal.timeout(SIGNAL_MS)
  const answer = await fetch(`http://${address}${link}`, { signal, redirect: 'manual', ...options })
  const body = Buffer.from(await answer.arrayBuffer())
  assert.equal(answer.status, status, `fetch ${options.method ?? 'GET'} ${link}`)
  count += 1
  return { answer, body }
}

// One request by node:http; `during` may do something with it before it is ended.
async function asked(address, options, status, during = request => request.end()) {
  const [host, port] = address.split(':')
  const request = http.request({ host, port, timeout: SIGNAL_MS, ...options })
  const answered = once(request, 'response')
  during(request)
  const [answer] = await answered
  const pieces = []
  for await (const piece of answer) pieces.push(piece)
  const what = `${options.method ?? 'GET'} ${options.path}`
  assert.equal(answer.statusCode, status, what)
  assert.equal(answer.complete, true, `${what}: complete`)
  count += 1
  return { answer, body: Buffer.concat(pieces), reused: request.reusedSocket }
}

async function everyFileByFetch() {
  const todo = [...NAMES]
  const work = async () => {
    while (todo.length > 0) {
      const name = todo.pop()
      const { answer, body } = await fetched(FILES, linkTo(name), 200)
      same(body, bytesOf(name), `fetch ${name}`)
      assert.equal(Number(answer.headers.get('content-length')), body.length, name)
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
}

async function otherThingsByFetch() {
  const head = await fetched(FILES, '/hello.txt', 200, { method: 'HEAD' })
  assert.equal(head.body.length, 0)
  assert.equal(head.answer.headers.get('content-length'), '14')
  const etag = head.answer.headers.get('etag')
  await fetched(FILES, '/hello.txt', 304, { headers: { 'If-None-Match': etag } })
  const { answer, body } = await fetched(FILES, '/sub/with-index', 200, { redirect: 'follow' })
  assert.equal(new URL(answer.url).pathname, '/sub/with-index/')
  same(body, bytesOf('sub/with-index/index.html'), 'a redirect')
  await fetched(FILES, '/missing', 404)
  await fetched(FILES, '/hello.txt', 405, { method: 'POST', body: 'x'.repeat(1000) })
  await fetched(FILES, '/hello.txt', 405, { method: 'PUT', body: Buffer.alloc(60_000) })
  same((await fetched(FIXED, '/any', 200)).body, Buffer.from('Hello, World!'), 'a fixed answer')
  const shouted = await fetched(ANSWERS, '/shout', 200, { method: 'POST', body: 'hello' })
  same(shouted.body, Buffer.from('HELLO'), 'POST /shout')
  const stream = new Blob(['he', 'l'.repeat(200_000), 'o']).stream()
  const long = await fetched(ANSWERS, '/shout', 200, { method: 'POST', body: stream, duplex: 'half' })
  same(long.body, Buffer.from(`HE${'L'.repeat(200_000)}O`), 'POST /shout in chunks')
  const lines = Array.from({ length: 2000 }, (_, at) => `line ${at + 1}\n`).join('')
  same((await fetched(ANSWERS, '/lines', 200)).body, Buffer.from(lines), 'a body of unknown length')
  await assert.rejects(fetched(ANSWERS, '/cut', 200), 'a body that is cut short was taken for whole')
}

async function oneConnectionByAgent() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  let fresh = 0
  for (const name of NAMES) {
    for (const method of ['GET', 'HEAD']) {
      const { answer, body, reused } = await asked(FILES, { agent, method, path: linkTo(name) }, 200)
      if (method === 'GET') same(body, bytesOf(name), name)
      else assert.equal(body.length, 0, `HEAD ${name}`)
      assert.equal(Number(answer.headers['content-length']), fs.statSync(path.join(FOLDER, name)).size, name)
      fresh += reused ? 0 : 1
    }
  }
  assert.equal(fresh, 1, 'connections for every file')
  for (const [method, link, status] of [
    ['GET', '/missing', 404],
    ['OPTIONS', '*', 204],
    ['PATCH', '/', 405],
    ['GET', '/many', 301],
  ]) {
    const { reused } = await asked(FILES, { agent, method, path: link }, status)
    assert.ok(reused, `${method} ${link}: on the same connection`)
  }
  agent.destroy()
}

async function givenUp() {
  for (let at = 0; at < 20; at++) {
    const control = new AbortController()
    const answer = await fetch(`http://${FILES}/${BIG}`, { signal: control.signal })
    const reader = answer.body.getReader()
    await reader.read()
    control.abort()
    await assert.rejects(async () => { while (!(await reader.read()).done); }, { name: 'AbortError' })
    const { body } = await fetched(FILES, '/hello.txt', 200)
    same(body, bytesOf('hello.txt'), 'after a download that was given up')
  }
  same((await fetched(FILES, `/${BIG}`, 200)).body, bytesOf(BIG), BIG)
}

async function expectations() {
  const headers = { Expect: '100-continue', 'Content-Length': 5 }
  let continued = 0
  const waits = request => {
    request.flushHeaders()
    request.on('continue', () => { continued += 1; request.end('hello') })
  }
  const { body } = await asked(ANSWERS, { method: 'POST', path: '/shout', headers }, 200, waits)
  same(body, Buffer.from('HELLO'), 'after 100 Continue')
  assert.equal(continued, 1, '100 Continue')
  // Where the body is not wanted, the answer comes at once.
  const { answer } = await asked(FILES, { method: 'POST', path: '/hello.txt', headers }, 405, waits)
  assert.equal(answer.headers.connection, 'close')
  assert.equal(continued, 1, '100 Continue for a body that nobody wants')
  await asked(FILES, { method: 'POST', path: '/', headers: { Expect: 'more', 'Content-Length': 0 } }, 417)
}

for (const check of [everyFileByFetch, otherThingsByFetch, oneConnectionByAgent, givenUp, expectations]) {
  try {
    await check()
  } catch (error) {
    console.error(`${check.name}: ${error.message}${error.cause ? ` (${error.cause.message})` : ''}`)
    process.exit(1)
  }
}
console.log(`${count} answers`)
process.exit(0) // fetch keeps connections, which would keep the process
