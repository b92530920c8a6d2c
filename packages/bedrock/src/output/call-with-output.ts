import {
  type Delta,
  findModel,
  ModelInvocationError,
  type ModelRequest,
  type ProviderResponse,
} from "@lambdallm/core";
import type { Target } from "../target.ts";
import { Ladder } from "./ladder.ts";
import {
  type OutputRequest,
  outputName,
  withOutput,
} from "./request-output.ts";
import { outputOf } from "./response-output.ts";
import { isWrapped, WRAPPED_START } from "./wrapping.ts";

/**
 * One attempt for an answer in a shape. It goes down the ladder while the service refuses a mode, which is quick and not
 * billed: the rungs are requests of one attempt.
 */
export async function callWithOutput(
  request: OutputRequest,
  target: Target,
  send: (request: ModelRequest) => Promise<ProviderResponse>,
): Promise<ProviderResponse> {
  const { modelId, region } = target;
  const info = findModel(modelId, { region });
  const ladder = new Ladder(request, { modelId, region, info });
  while (true) {
    const { mode } = ladder;
    const { onDelta } = request;
    const worded = withOutput(request, mode);
    try {
      const response = await send(
        onDelta
          ? { ...worded, onDelta: outputDeltas(request, mode, onDelta) }
          : worded,
      );
      const output = outputOf(request, mode, response.message);
      return output === undefined ? response : { ...response, output };
    } catch (error) {
      if (!ladder.refused(refusalOf(error))) throw error;
    }
  }
}

/** What the service said when it refused the request; empty for every other failure. */
function refusalOf(error: unknown): string {
  if (!ModelInvocationError.isInstance(error)) return "";
  const { reason, cause } = error;
  const refused = reason === "capability" || reason === "invalid-request";
  return refused ? String(Reflect.get(Object(cause), "message")) : "";
}

/** Shows the JSON text of the answer as `output`, whichever kind of piece carries it in this mode. */
function outputDeltas(
  request: OutputRequest,
  mode: string,
  onDelta: (delta: Delta) => void,
): (delta: Delta) => void {
  const name = outputName(request);
  const byTool = mode === "tool" || mode === "auto-tool";
  let start: string | undefined =
    mode !== "prompt" && isWrapped(request.output.schema) ? "" : undefined;
  const show = (piece: string) => {
    let text = piece;
    if (start !== undefined) {
      start += piece;
      const wrapped = WRAPPED_START.exec(start);
      if (wrapped === null) return;
      text = start.slice(wrapped[0].length);
      start = undefined;
    }
    if (text !== "") onDelta({ kind: "output", text });
  };
  return (delta) => {
    if (byTool && delta.kind === "tool" && delta.name === name)
      show(delta.input);
    else if (!byTool && delta.kind === "text") show(delta.text);
    else onDelta(delta);
  };
}
