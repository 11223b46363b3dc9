'use strict'

const test = require('node:test')
const assert = require('node:assert')
const handler = require('./handler')

test('answers with what was said', async () => {
  let answered
  const context = {
    status(code) { assert.strictEqual(code, 200); return this },
    succeed(value) { answered = value },
  }
  await handler({ body: 'test' }, context)
  assert.match(answered, /test/)
})
