module.exports = (input) => input.toUpperCase()
