import type { ModelInfo, OutputMode } from "@lambdallm/core";
import { thinkingOf } from "@lambdallm/core/feature";
import type { Refusal } from "../classify.ts";
import { isTooLarge } from "./grammar-bounds.ts";
import { nativeSchema } from "./native-schema.ts";
import { forcedChoice, type OutputRequest } from "./request-output.ts";

const RUNGS: readonly OutputMode[] = ["native", "tool", "auto-tool", "prompt"];

/** Modes that a model has refused, by `region/model id`, as the service has answered so far. */
const ofModels = new Map<string, Set<OutputMode>>();

/** The same for one schema; it is forgotten with the schema. */
const ofSchemas = new WeakMap<object, Map<string, Set<OutputMode>>>();

/**
 * Which modes the service has refused for which model, as this process has learnt: keys are `region/model id`, with
 * `/stream` for streams. Give it to `bedrock({ refusedOutputModes })` to spare a new process the refusals. What was refused
 * for a schema, or for one request, is not among them.
 */
export function refusedOutputModes(): Record<string, OutputMode[]> {
  return Object.fromEntries(
    Array.from(ofModels, ([key, modes]) => [key, [...modes]]),
  );
}

export function presetRefusedModes(
  refused: Readonly<Record<string, readonly OutputMode[]>>,
): void {
  for (const [key, modes] of Object.entries(refused))
    remember(ofModels, key, modes);
}

function remember(
  refused: Map<string, Set<OutputMode>>,
  key: string,
  modes: readonly OutputMode[],
): void {
  refused.set(key, new Set([...(refused.get(key) ?? []), ...modes]));
}

/** The way down from the best mode that a model may have; remembers what the service refuses. */
export class Ladder {
  readonly #request: OutputRequest;
  readonly #key: string;
  #rungs: readonly OutputMode[];

  constructor(request: OutputRequest, model: OutputModel) {
    const { modelId, region, info } = model;
    const streaming = request.onDelta !== undefined;
    this.#request = request;
    this.#key = `${region}/${modelId}${streaming ? "/stream" : ""}`;
    const ofSchema = ofSchemas.get(request.output.schema);
    const refused = [ofModels.get(this.#key), ofSchema?.get(this.#key)];
    this.#rungs = RUNGS.filter(
      (mode) =>
        !refused.some((modes) => modes?.has(mode)) &&
        can(mode, request, info, streaming),
    );
  }

  get mode(): OutputMode {
    // The last rung is always there: no refusal is about it.
    return this.#rungs[0] as OutputMode;
  }

  /** Steps down when the service has refused this mode; false when what it said is about something else. */
  refused(refusal: Refusal | undefined): boolean {
    if (refusal === undefined || !this.#isOfThis(refusal)) return false;
    const { modes, scope } = refusal;
    this.#rungs = this.#rungs.filter((rung) => !modes.includes(rung));
    const { schema } = this.#request.output;
    if (scope === "model") remember(ofModels, this.#key, modes);
    if (scope === "schema") {
      const known = ofSchemas.get(schema) ?? new Map();
      remember(known, this.#key, modes);
      ofSchemas.set(schema, known);
    }
    return true;
  }

  #isOfThis({ modes, toolIndex }: Refusal): boolean {
    const { tools = [] } = this.#request;
    const own = tools.filter((tool) => "toolSpec" in tool).length;
    // The tool with the answer is the last one; cache points in front of it count in some texts.
    return modes.includes(this.mode) && (toolIndex ?? own) >= own;
  }
}

interface OutputModel {
  readonly modelId: string;
  readonly region: string;
  readonly info: ModelInfo | undefined;
}

function can(
  mode: OutputMode,
  request: OutputRequest,
  info: ModelInfo | undefined,
  streaming: boolean,
): boolean {
  const tools = (streaming ? info?.streamingTools : info?.tools) !== false;
  switch (mode) {
    case "native":
      return info?.nativeStructuredOutput === true && isSaid(request, info);
    case "tool":
      return tools && canBeForced(request, info);
    case "auto-tool":
      return tools;
    case "prompt":
      return true;
  }
}

function isSaid({ output }: OutputRequest, info: ModelInfo): boolean {
  const native = nativeSchema(output.schema);
  return native !== undefined && !isTooLarge(native.size, info);
}

function canBeForced(
  request: OutputRequest,
  info: ModelInfo | undefined,
): boolean {
  // "Thinking may not be enabled when tool_choice forces tool use."
  if (thinkingOf(request) !== undefined) return false;
  return (
    !("any" in forcedChoice(request, info)) || info?.toolChoiceAny !== false
  );
}
