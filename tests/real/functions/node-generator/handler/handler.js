exports.default = async function* (input) {
  yield* input.split(' ')
}
