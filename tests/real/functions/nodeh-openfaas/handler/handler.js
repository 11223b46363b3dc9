'use strict'

module.exports = async (event, context) => {
  if (event.path === '/bad') return context.status(400).fail('not like this')
  if (event.path === '/throw') throw new Error('thrown')
  const found = { a: event.body.a, k: event.query.k, m: event.method, p: event.path }
  return context.status(201).headers({ 'X-Out': 'o' }).succeed(found)
}
