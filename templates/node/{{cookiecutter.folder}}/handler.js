'use strict'

// Answers one request: `input` is the body as text; return text, a Buffer, or an object for JSON.
module.exports = async (input) => {
  return `Hello, Node. You said: ${input}`
}
