// Serves the handler over HTTP on 127.0.0.1:$PORT (8082 unless set), behind the watchdog.
'use strict'

const http = require('node:http')
const handler = require('./function/handler')

async function read(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

class FunctionEvent {
  constructor(request, rawBody) {
    const url = new URL(request.url, 'http://function')
    this.rawBody = rawBody
    this.headers = request.headers
    this.method = request.method
    this.path = url.pathname
    this.query = Object.fromEntries(url.searchParams)
    this.body = rawBody.toString()
    if (/^application\/([\w.-]+\+)?json\b/.test(request.headers['content-type'] || '')) {
      try {
        this.body = JSON.parse(this.body)
      } catch {
        // Not JSON after all: the handler gets the text and may refuse it.
      }
    }
  }
}

class FunctionContext {
  constructor() {
    this.code = 200
    this.fields = {}
    this.done = new Promise((resolve, reject) => {
      this.settle = resolve
      this.refuse = reject
    })
    // A handler may fail after it has answered; that must not end the process.
    this.done.catch(() => {})
  }

  status(code) {
    if (code === undefined) return this.code
    this.code = code
    return this
  }

  headers(fields) {
    if (fields === undefined) return this.fields
    Object.assign(this.fields, fields)
    return this
  }

  succeed(value) {
    this.settle(value)
    return this
  }

  fail(err) {
    this.refuse(err)
    return this
  }
}

// A handler answers by returning, through its context, or (of three parameters) by calling back.
async function call(event, context) {
  const back = (err, value) => (err ? context.fail(err) : context.succeed(value))
  const returned = await handler(event, context, back)
  if (returned !== undefined && returned !== context) context.succeed(returned)
  else if (handler.length < 2 || handler.constructor.name === 'AsyncFunction') context.succeed('')
  return context.done
}

function encode(value) {
  if (value === undefined || value === null) return ['', 'text/plain; charset=utf-8']
  if (value instanceof Uint8Array) return [value, 'application/octet-stream']
  if (typeof value === 'string') return [value, 'text/plain; charset=utf-8']
  return [JSON.stringify(value), 'application/json']
}

async function serve(request, response) {
  const context = new FunctionContext()
  try {
    const value = await call(new FunctionEvent(request, await read(request)), context)
    const [content, type] = encode(value)
    response.writeHead(context.code, {
      'content-type': type,
      'content-length': Buffer.byteLength(content),
      ...context.fields,
    })
    response.end(content)
  } catch (err) {
    console.error(err)
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' })
    response.end('the handler failed; see the logs\n')
  }
}

const server = http.createServer(serve)
// The watchdog keeps connections for longer than Node's five seconds.
server.keepAliveTimeout = 120000
server.requestTimeout = 0
server.listen(Number(process.env.PORT) || 8082, '127.0.0.1')
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
