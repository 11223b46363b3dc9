module.exports = async (event, context) => context.headers({ 'X-Good': 'y', 'X-Name': '日本' }).succeed('x')
