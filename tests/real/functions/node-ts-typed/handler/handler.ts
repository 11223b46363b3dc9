import type { FunctionContext, FunctionEvent } from './faas'
import { twice } from './twice'

export default async (event: FunctionEvent, context: FunctionContext): Promise<{ twice: number }> => {
  context.status(203)
  return { twice: twice(Number(event.query.n)) }
}
