const express = require('express')

const app = express()
app.use(express.json())
app.get('/items/:number', (req, res) => res.json({ item: req.params.number }))
app.post('/echo', (req, res) => res.json(req.body))
module.exports = app
