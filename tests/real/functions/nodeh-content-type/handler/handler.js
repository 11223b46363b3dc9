module.exports = async (event, context) => context.headers({ 'Content-Type': 'text/html' }).succeed('<b>x</b>')
