import {
  ConfigurationError,
  type Delta,
  findModel,
  type OutputMode,
} from "@lambdallm/core";
import {
  isTooDeep,
  type ModelRequest,
  type ProviderResponse,
} from "@lambdallm/core/feature";
import { factsOf } from "../error-facts.ts";
import type { Target } from "../target.ts";
import { Ladder } from "./ladder.ts";
import {
  type OutputRequest,
  outputName,
  withOutput,
} from "./request-output.ts";
import { outputOf } from "./response-output.ts";
import { MOST_LEVELS } from "./subschemas.ts";
import { UnwrappedPieces } from "./unwrapped-pieces.ts";
import { isWrapped } from "./wrapping.ts";

/**
 * One attempt for an answer in a shape. It goes down the ladder while the service refuses a mode, which is quick and not
 * billed: the rungs are requests of one attempt.
 *
 * @throws {ConfigurationError} for a schema that no model could take.
 */
export async function callWithOutput(
  request: OutputRequest,
  target: Target,
  send: (request: ModelRequest) => Promise<ProviderResponse>,
): Promise<ProviderResponse> {
  const { modelId, region } = target;
  const info = findModel(modelId, { region });
  if (isTooDeep(request.output.schema, MOST_LEVELS))
    throw new ConfigurationError(
      "The schema in output.schema is nested too deeply, or contains itself: write what repeats with $ref.",
    );
  const ladder = new Ladder(request, { modelId, region, info });
  while (true) {
    const { mode } = ladder;
    const { onDelta } = request;
    const worded = withOutput(request, mode, info);
    try {
      const response = await send(
        onDelta
          ? { ...worded, onDelta: outputDeltas(request, mode, onDelta) }
          : worded,
      );
      return answered(request, mode, response);
    } catch (error) {
      if (!ladder.refused(factsOf(error).refuses)) throw error;
    }
  }
}

function answered(
  request: OutputRequest,
  mode: OutputMode,
  response: ProviderResponse,
): ProviderResponse {
  const { message, stopReason } = response;
  const output = outputOf(request, mode, message);
  if (output === undefined) return response;
  const name = outputName(request);
  // The call that brought the answer is none that the caller has to answer, and neither are the service's own.
  const isDone =
    stopReason === "tool_use" &&
    message.content.every(
      (block) =>
        !("toolUse" in block) ||
        block.toolUse.name === name ||
        block.toolUse.type !== undefined,
    );
  return { ...response, output, ...(isDone && { stopReason: "end_turn" }) };
}

/** Shows the JSON text of the answer as `output`, whichever kind of piece carries it in this mode. */
function outputDeltas(
  request: OutputRequest,
  mode: OutputMode,
  onDelta: (delta: Delta) => void,
): (delta: Delta) => void {
  const name = outputName(request);
  const byTool = mode === "tool" || mode === "auto-tool";
  const pieces =
    mode !== "prompt" && isWrapped(request.output.schema)
      ? new UnwrappedPieces()
      : undefined;
  const show = (piece: string) => {
    const text = pieces?.push(piece) ?? piece;
    if (text !== "") onDelta({ kind: "output", text });
  };
  return (delta) => {
    if (byTool && delta.kind === "tool" && delta.name === name)
      show(delta.input);
    else if (!byTool && delta.kind === "text") show(delta.text);
    else onDelta(delta);
  };
}
