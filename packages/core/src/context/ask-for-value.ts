import type { CallModel, ModelRequest } from "../contract/model-call.ts";
import type { OutputSchema } from "../schema/types.ts";

/**
 * Asks for a value of the schema until one validates: an answer that does not is sent back with what is wrong, at most
 * `maxRepairs` times.
 *
 * @throws {StructuredOutputError}
 */
export async function askForValue(
  call: CallModel,
  request: ModelRequest,
  schema: OutputSchema,
  maxRepairs: number,
): Promise<unknown> {
  // Loaded by those who ask for one.
  const { callForValue } = await import("./structured.ts");
  return callForValue(call, request, schema, maxRepairs);
}
