module.exports = async ({ query, body, queryString, rawBody }) => [query.a, query.b, body.c, queryString, rawBody.toString()]
