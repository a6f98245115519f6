// Checks in the browser that each part of the page came, and every file of the folder, byte by byte
// through its digest. scripts/clients reads the verdict. files.json is made by scripts/clients.

let count = 0

function check(holds, what) {
  if (!holds) throw new Error(what)
}

async function checkFile(link, size, digest, options, status = 200) {
  const answer = await fetch(`/${link}`, options)
  check(answer.status === status, `${link}: ${answer.status}`)
  const body = await answer.arrayBuffer()
  check(body.byteLength === size, `${link}: ${body.byteLength} bytes instead of ${size}`)
  const found = new Uint8Array(await crypto.subtle.digest('SHA-256', body))
  check(Array.from(found, byte => byte.toString(16).padStart(2, '0')).join('') === digest, `${link}: other bytes`)
  count += 1
}

async function checkPage() {
  check(window.plainScriptRan, 'plain.js did not run')
  check(getComputedStyle(document.getElementById('styled')).width === '37px', 'style.css was not applied')
  const image = document.getElementById('image')
  await image.decode()
  check(image.naturalWidth === 9 && image.naturalHeight === 7, `image.svg is ${image.naturalWidth} wide`)
  const links = document.getElementById('listing').contentDocument.querySelectorAll('tbody a')
  check(links.length === 301, `the listing has ${links.length} links`)
  count += 6
}

async function checkFiles() {
  const files = await (await fetch('files.json')).json()
  count += 1
  // All at once; the browser has six connections for them.
  await Promise.all(files.map(([link, size, digest]) => checkFile(link, size, digest, { cache: 'no-store' })))
  const small = files.filter(([, size]) => size > 0 && size < 100_000).slice(0, 100)
  // Into the browser's cache, and out of it by its validators: what is fresh by 304 reads as 200.
  for (const cache of ['reload', 'no-cache']) {
    await Promise.all(small.map(([link, size, digest]) => checkFile(link, size, digest, { cache })))
  }
  // Of those the browser says that 300 bytes were sent (Resource Timing, transferSize).
  const fresh = performance.getEntriesByType('resource').filter(entry => entry.transferSize === 300)
  check(fresh.length >= small.length, `only ${fresh.length} answers were 304`)
  return fresh.length
}

async function checkRefusals() {
  for (const [link, options, status] of [
    ['/missing', {}, 404],
    ['/hello.txt', { method: 'HEAD' }, 200],
    ['/hello.txt', { method: 'POST', body: 'x'.repeat(50_000) }, 405],
    ['/hello.txt', { method: 'DELETE' }, 405],
    ['/sub/with-index', {}, 200],
    ['/hello.txt', {}, 200],
  ]) {
    const answer = await fetch(link, { cache: 'no-store', ...options })
    await answer.arrayBuffer()
    check(answer.status === status, `${options.method ?? 'GET'} ${link}: ${answer.status} instead of ${status}`)
    count += 1
  }
}

async function verdict() {
  try {
    performance.setResourceTimingBufferSize(10_000)
    await new Promise(resolve => document.readyState === 'complete' ? resolve() : addEventListener('load', resolve))
    await checkPage()
    const fresh = await checkFiles()
    await checkRefusals()
    return `all right: ${count} answers/${fresh} of them from the cache by 304`
  } catch (error) {
    return `wrong: ${error.message}`
  }
}

document.getElementById('verdict').textContent = await verdict()
