import {
  type Message,
  type Output,
  type OutputMode,
  textOf,
} from "@lambdallm/core";
import { extractJson, withoutProto } from "@lambdallm/core/feature";
import type { OutputRequest } from "./request-output.ts";
import { outputName } from "./request-output.ts";
import { unwrap } from "./wrapping.ts";

/** Reads the answer out of a message, in whichever form the mode, or the model, has put it. */
export function outputOf(
  request: OutputRequest,
  mode: OutputMode,
  { content }: Message,
): Output | undefined {
  const { schema } = request.output;
  const name = outputName(request);
  for (const block of content)
    if ("toolUse" in block && block.toolUse.name === name) {
      const { input } = block.toolUse;
      // Input whose JSON broke off is kept as text.
      return typeof input === "string"
        ? { mode, text: input }
        : { mode, value: unwrap(schema, withoutProto(input)) };
    }
  if (
    content.some(
      (block) => "toolUse" in block && block.toolUse.type === undefined,
    )
  )
    return undefined;
  const text = textOf(content);
  const json = extractJson(text);
  if (json === undefined) return { mode, text };
  return {
    mode,
    text,
    value: mode === "native" ? unwrap(schema, json.value) : json.value,
  };
}
