'use strict'

// Answers one request. `event` has `body` (text, or what the JSON body held), `rawBody` (a Buffer),
// `headers`, `method`, `path` and `query`. Return a value, or set more with
// `context.status(201).headers({...}).succeed(value)`.
module.exports = async (event, context) => {
  return context.status(200).succeed(`Hello, Node. You said: ${event.body}`)
}
