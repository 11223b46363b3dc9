module.exports = async () => Buffer.from([0, 255])
