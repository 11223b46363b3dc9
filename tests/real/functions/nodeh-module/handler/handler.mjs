export default async (event) => `hello ${event.body}`
