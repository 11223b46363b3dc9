'use strict'

const test = require('node:test')
const assert = require('node:assert')
const handler = require('./handler')

test('answers what was said', async () => {
  assert.strictEqual(await handler('test'), 'Hello, Node. You said: test')
})
