module.exports = (req, res) => {
  if (req.path === '/piped') {
    let text = ''
    req.on('data', (part) => {
      text += part
    })
    req.on('end', () => res.end(text.toUpperCase()))
    return
  }
  res.status(201).set('X-Out', 'o').json({ a: req.body.a, k: req.query.k })
}
