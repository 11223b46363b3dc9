exports.handler = async (event) => `hello ${event.body}`
