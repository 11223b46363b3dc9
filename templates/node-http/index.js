// Serves the handler over HTTP on 127.0.0.1:$PORT (8082 unless set), behind the watchdog.
'use strict'

const http = require('node:http')
const { load, pick } = require('./load')

const TEXT = 'text/plain; charset=utf-8'

async function read(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

// A key that comes several times has a list of its values.
function collect(pairs) {
  const all = {}
  for (const [key, value] of pairs) all[key] = Object.hasOwn(all, key) ? [all[key], value].flat() : value
  return all
}

// The body as its Content-Type says. What is not JSON after all stays text, and the handler may refuse it.
function parse(rawBody, type = '') {
  if (process.env.RAW_BODY === 'true') return rawBody
  const text = rawBody.toString()
  // Many tools name this type whatever they send: what does not begin with a key and `=` is no form.
  const form = /^application\/x-www-form-urlencoded\b/i.test(type) && /^[\w.~%+*[\]-]+=/.test(text)
  if (form) return collect(new URLSearchParams(text))
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

class FunctionEvent {
  constructor(request, rawBody) {
    const url = new URL(`http://function${request.url}`)
    this.rawBody = rawBody
    this.headers = request.headers
    this.method = request.method
    this.path = url.pathname
    this.query = collect(url.searchParams)
    this.queryString = url.search.slice(1)
    this.body = parse(rawBody, request.headers['content-type'])
  }
}

class FunctionContext {
  constructor() {
    this.code = 200
    this.fields = {}
    this.failed = false
    this.done = new Promise((resolve) => {
      this.settle = resolve
    })
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
    this.settle({ value })
    return this
  }

  fail(err) {
    this.settle({ err: err ?? new Error('the handler failed') })
    return this
  }
}

// A handler answers by returning, through its context, or (of three parameters) by calling back.
async function call(handler, event, context) {
  const back = (err, value) => (err ? context.fail(err) : context.succeed(value))
  const returning = handler(event, context, back)
  const returned = await returning
  if (returned !== undefined && returned !== context) context.succeed(returned)
  else if (handler.length < 2 || typeof returning?.then === 'function') context.succeed('')
  return context.done
}

function encode(value) {
  if (value === undefined || value === null) return ['', TEXT]
  if (value instanceof Uint8Array) return [value, 'application/octet-stream']
  if (typeof value === 'string') return [value, TEXT]
  return [JSON.stringify(value), 'application/json']
}

function isStream(value) {
  return typeof value?.[Symbol.asyncIterator] === 'function' || typeof value?.next === 'function'
}

// Node refuses what would break the answer in two, by an error before anything is written.
async function answer(response, status, fields, value) {
  if (value instanceof Response) {
    const cookies = value.headers.getSetCookie()
    const given = { ...Object.fromEntries(value.headers), ...(cookies.length && { 'set-cookie': cookies }) }
    return answer(response, value.status, given, value.body ?? '')
  }
  response.statusCode = status
  for (const [name, field] of Object.entries(fields)) {
    if (field === undefined || /^(content-length|transfer-encoding|connection)$/i.test(name)) continue
    response.setHeader(name, Array.isArray(field) ? field.map(String) : String(field))
  }
  if (isStream(value)) {
    if (!response.hasHeader('content-type')) response.setHeader('content-type', TEXT)
    for await (const part of value) {
      if (!response.write(encode(part)[0])) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
      if (response.destroyed) return undefined
    }
    return response.end()
  }
  const [content, type] = encode(value)
  if (!response.hasHeader('content-type')) response.setHeader('content-type', type)
  if (status !== 204 && status !== 304) response.setHeader('content-length', Buffer.byteLength(content))
  return response.end(content)
}

function fail(response, err) {
  console.error(err)
  if (response.headersSent) {
    response.destroy() // all that can still be said
    return
  }
  // Those of the answer that failed would cut this one.
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  answer(response, 500, { 'content-type': 'text/plain' }, 'the handler failed; see the logs\n')
}

// A function of (req, res), by the names of its parameters: it writes its answer itself.
function isListener(handler) {
  const head = /^(?:async\s+)?(?:function\b[^(]*)?\(?\s*(\w+)\s*(?::[^,]*)?,\s*(\w+)/.exec(String(handler))
  return head !== null && /^_?req(uest)?$/i.test(head[1]) && /^_?res(p|ponse)?$/i.test(head[2])
}

// The request with its body read, and yet to be read: for those who look at `body`, and those who listen for it.
function replay(request, event) {
  const again = new http.IncomingMessage(request.socket)
  const { method, url, headers, rawHeaders, httpVersion } = request
  const { rawBody, body, query, path } = event
  Object.assign(again, { method, url, originalUrl: url, rawHeaders, httpVersion, rawBody, body, query, path, params: {} })
  again.headers = headers
  again.get = again.header = (name) => headers[name.toLowerCase()]
  again.push(rawBody)
  again.push(null)
  again.complete = true
  return again
}

// What Express adds to an answer, as far as handlers use it.
const EXPRESS = {
  status(code) {
    this.statusCode = code
    return this
  },
  set(name, value) {
    const fields = typeof name === 'string' ? { [name]: value } : name
    for (const [key, field] of Object.entries(fields)) this.setHeader(key, field)
    return this
  },
  get(name) {
    return this.getHeader(name)
  },
  type(value) {
    return this.set('content-type', value.includes('/') ? value : `text/${value}`)
  },
  send(value) {
    answer(this, this.statusCode, {}, value).catch((err) => fail(this, err))
    return this
  },
  json(value) {
    if (!this.hasHeader('content-type')) this.setHeader('content-type', 'application/json; charset=utf-8')
    return this.send(JSON.stringify(value))
  },
  sendStatus(code) {
    return this.status(code).send(http.STATUS_CODES[code] || String(code))
  },
  redirect(...given) {
    return this.status(given.length > 1 ? given[0] : 302).set('location', given.at(-1)).send('')
  },
}
EXPRESS.header = EXPRESS.set

function serving(handler) {
  // An application reads the request and writes the answer by itself.
  if (typeof handler.listen === 'function') return handler
  const listener = isListener(handler)
  return async (request, response) => {
    try {
      const event = new FunctionEvent(request, await read(request))
      if (listener) {
        const value = await handler(replay(request, event), Object.assign(response, EXPRESS))
        if ((typeof value === 'string' || value instanceof Uint8Array) && !response.headersSent) response.send(value)
        return
      }
      const context = new FunctionContext()
      const { value, err } = await call(handler, event, context)
      if (err === undefined) {
        await answer(response, context.code, context.fields, value)
        return
      }
      console.error(err)
      const words = typeof err === 'object' && !(err instanceof Error) ? err : String(err)
      await answer(response, context.code === 200 ? 500 : context.code, context.fields, words)
    } catch (err) {
      fail(response, err)
    }
  }
}

async function main() {
  const server = http.createServer(serving(pick(await load())))
  // The watchdog keeps connections for longer than Node's five seconds.
  server.keepAliveTimeout = 120000
  server.requestTimeout = 0
  server.listen(Number(process.env.PORT) || 8082, '127.0.0.1')
  process.on('SIGTERM', () => {
    server.close(() => process.exit(0))
    server.closeIdleConnections()
  })
}

main().catch((err) => {
  console.error(err)
  process.exit(1)
})
