module.exports = (event, context, callback) => {
  setTimeout(() => (event.body === 'bad' ? callback(new Error('bad')) : callback(undefined, `${event.body}!`)), 5)
}
