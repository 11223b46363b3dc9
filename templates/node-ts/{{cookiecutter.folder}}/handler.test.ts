import assert from 'node:assert'
import test from 'node:test'
import type { FunctionContext, FunctionEvent } from './faas'
import handle from './handler'

test('answers with what was said', async () => {
  const context = { status: () => context } as unknown as FunctionContext
  const answer = await handle({ body: 'test' } as FunctionEvent, context)
  assert.match(answer, /test/)
})
