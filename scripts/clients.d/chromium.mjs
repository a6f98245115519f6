// A headless Chromium that is told what to do by the DevTools protocol, over a pipe.
//
// Relies on Node alone, and on SCRATCH of scripts/clients, where its profile is and what it says.

import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'

const { SCRATCH } = process.env
export const MOST_MS = 20_000 // for anything to come true in a page

/** Chromium at the other end of two pipes, which carry JSON with a zero byte after each message. */
export class Browser {
  answers = new Map()
  listeners = []
  last = 0

  constructor() {
    this.process = spawn('chromium', [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
      '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage',
      '--autoplay-policy=no-user-gesture-required', '--mute-audio', `--user-data-dir=${SCRATCH}/profile`,
      '--remote-debugging-pipe',
    ], { stdio: ['ignore', 'ignore', openSync(`${SCRATCH}/said`, 'w'), 'pipe', 'pipe'] })
    const [, , , commands, messages] = this.process.stdio
    this.commands = commands
    let pending = Buffer.alloc(0)
    messages.on('data', piece => {
      pending = Buffer.concat([pending, piece])
      for (let end; (end = pending.indexOf(0)) >= 0; pending = pending.subarray(end + 1)) {
        this.heard(JSON.parse(pending.subarray(0, end)))
      }
    })
  }

  heard({ id, method, params, result, error }) {
    if (id === undefined) return this.listeners.forEach(listener => listener(method, params))
    const { resolve, reject } = this.answers.get(id)
    this.answers.delete(id)
    error ? reject(new Error(error.message)) : resolve(result)
  }

  tell(method, params = {}) {
    const id = ++this.last
    this.commands.write(`${JSON.stringify({ id, method, params, sessionId: this.session })}\0`)
    return new Promise((resolve, reject) => this.answers.set(id, { resolve, reject }))
  }

  async open() {
    const { targetId } = await this.tell('Target.createTarget', { url: 'about:blank' })
    this.session = (await this.tell('Target.attachToTarget', { targetId, flatten: true })).sessionId
    for (const domain of ['Network', 'Page', 'Runtime']) await this.tell(`${domain}.enable`)
  }

  /** What an expression comes to in the page; a promise is waited for. */
  async value(expression) {
    const { result, exceptionDetails } =
      await this.tell('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`)
    return result.value
  }

  /** Waits until an expression comes to something in the page, which may be another by then. */
  async until(expression) {
    const deadline = Date.now() + MOST_MS
    while (Date.now() < deadline) {
      const found = await this.value(expression).catch(() => undefined)
      if (found) return found
      await after(50)
    }
    const there = await this.value('`${location} ${document.title}: ${document.body.innerText.slice(0, 200)}`')
    throw new Error(`never came true: ${expression}; the page is ${there}`)
  }

  async end() {
    const ended = new Promise(resolve => this.process.once('exit', resolve))
    this.session = undefined
    this.tell('Browser.close').catch(() => {})
    const late = setTimeout(() => this.process.kill('SIGKILL'), 3000)
    await ended
    clearTimeout(late)
  }
}
