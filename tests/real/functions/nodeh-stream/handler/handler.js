module.exports = async function (event) {
  if (event.path === '/web') return Response.json({ a: 1 }, { status: 203, headers: { 'X-Web': 'w' } })
  return (async function* () {
    for (let number = 0; number < 3; number++) yield String(number)
  })()
}
