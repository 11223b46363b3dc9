import type { FunctionContext, FunctionEvent } from './faas'

// Answers one request: returns text, a Buffer, or an object for JSON; `context` sets status and headers.
export default async function handle(event: FunctionEvent, context: FunctionContext): Promise<string> {
  context.status(200)
  return `Hello, TypeScript. You said: ${event.body}`
}
