module.exports = async (event, context) => context.headers({ 'set-cookie': ['a=1', 'b=2'] }).succeed('ok')
