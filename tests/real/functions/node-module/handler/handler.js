import { greet } from './greet.js'

export default async (input) => greet(input)
