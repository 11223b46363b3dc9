'use strict'

const test = require('node:test')
const assert = require('node:assert')
const handler = require('./handler')

test('answers with what was said', async () => {
  assert.match(await handler('test'), /test/)
})
