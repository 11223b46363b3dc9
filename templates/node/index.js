// Reads one request from standard input, calls the handler, writes its answer to standard output.
'use strict'

const { load, pick } = require('./load')

async function read(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

// A handler of two parameters is one of the older kind, which calls back; it may return all the same.
function call(handler, input) {
  if (handler.length < 2) return handler(input)
  return new Promise((resolve, reject) => {
    const returned = handler(input, (err, answer) => (err ? reject(err) : resolve(answer)))
    if (typeof returned?.then === 'function') returned.then(resolve, reject)
    else if (returned !== undefined) resolve(returned)
  })
}

function bytes(answer) {
  if (answer === undefined || answer === null) return ''
  if (typeof answer === 'string' || answer instanceof Uint8Array) return answer
  return JSON.stringify(answer)
}

async function main() {
  const handler = pick(await load())
  const input = await read(process.stdin)
  const answer = await call(handler, input.toString())
  if (answer?.[Symbol.asyncIterator] || typeof answer?.next === 'function') {
    for await (const part of answer) process.stdout.write(bytes(part))
  } else {
    process.stdout.write(bytes(answer))
  }
}

main().catch((err) => {
  console.error(err)
  process.exitCode = 1
})
