// What the template passes to a handler.

/** One request. */
export interface FunctionEvent {
  /** Text, or what a JSON or form body holds. */
  body: any
  rawBody: Buffer
  headers: Record<string, string | string[] | undefined>
  method: string
  path: string
  /** A key that comes several times has a list. */
  query: Record<string, string | string[]>
  queryString: string
}

/** The answer, where returning a value is not enough. */
export interface FunctionContext {
  status(code: number): this
  headers(fields: Record<string, string | string[]>): this
  succeed(value?: unknown): this
  fail(err: unknown): this
}

export type Handler = (event: FunctionEvent, context: FunctionContext) => unknown
