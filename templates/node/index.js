// Reads one request from standard input, calls the handler, writes its answer to standard output.
'use strict'

const handler = require('./function/handler')

async function read(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

// A handler of two parameters is one of the older kind, which calls back instead of returning.
function call(input) {
  if (handler.length < 2) return handler(input)
  return new Promise((resolve, reject) => {
    handler(input, (err, answer) => (err ? reject(err) : resolve(answer)))
  })
}

function bytes(answer) {
  if (answer === undefined || answer === null) return ''
  if (typeof answer === 'string' || answer instanceof Uint8Array) return answer
  return JSON.stringify(answer)
}

async function main() {
  const input = await read(process.stdin)
  process.stdout.write(bytes(await call(input.toString())))
}

main().catch((err) => {
  console.error(err)
  process.exitCode = 1
})
