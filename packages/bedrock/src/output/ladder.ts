import type { ModelInfo, ModelRequest, OutputMode } from "@lambdallm/core";
import { nativeSchema } from "./native-schema.ts";
import type { OutputRequest } from "./request-output.ts";

const RUNGS: readonly OutputMode[] = ["native", "tool", "auto-tool", "prompt"];

/** What the service said of a mode that it refused. */
const REFUSALS: readonly (readonly [RegExp, refuses: readonly OutputMode[]])[] =
  [
    [/doesn.t support tool use/i, ["tool", "auto-tool"]],
    [/toolChoice|tool_choice/i, ["tool"]],
    [/output_?config|structured output/i, ["native"]],
  ];

/** Refusals that are about this schema only, and say nothing of the model. */
const SCHEMA_REFUSAL =
  /compiled grammar is too large|property '[^']*' is not supported|schema/i;

/** Refused modes by `region/model id`, as the service has answered so far. */
const verdicts = new Map<string, Set<OutputMode>>();

/**
 * Which modes the service has refused for which model, as this process has learnt: keys are `region/model id`, with
 * `/stream` for streams. Give it to `bedrock({ refusedOutputModes })` to spare a new process the refusals.
 */
export function refusedOutputModes(): Record<string, OutputMode[]> {
  return Object.fromEntries(
    Array.from(verdicts, ([key, modes]) => [key, [...modes]]),
  );
}

export function presetRefusedModes(
  refused: Readonly<Record<string, readonly OutputMode[]>>,
): void {
  for (const [key, modes] of Object.entries(refused)) remember(key, modes);
}

function remember(key: string, modes: readonly OutputMode[]): void {
  verdicts.set(key, new Set([...(verdicts.get(key) ?? []), ...modes]));
}

/** The way down from the best mode that a model may have; remembers what the service refuses. */
export class Ladder {
  readonly #key: string;
  #rungs: readonly OutputMode[];

  constructor(request: OutputRequest, model: OutputModel) {
    const { modelId, region, info } = model;
    const streaming = request.onDelta !== undefined;
    this.#key = `${region}/${modelId}${streaming ? "/stream" : ""}`;
    const refused = verdicts.get(this.#key);
    this.#rungs = RUNGS.filter(
      (mode) => !refused?.has(mode) && can(mode, request, info, streaming),
    );
  }

  get mode(): OutputMode {
    // The last rung is always there: no refusal is about it.
    return this.#rungs[0] as OutputMode;
  }

  /** Steps down when the error is a refusal of this mode; false when it is about something else. */
  refused(message: string): boolean {
    const { mode } = this;
    const refusal = REFUSALS.find(
      ([pattern, modes]) => pattern.test(message) && modes.includes(mode),
    );
    const ofSchema = mode !== "prompt" && SCHEMA_REFUSAL.test(message);
    if (refusal === undefined && !ofSchema) return false;
    const [, modes] = refusal ?? [undefined, [mode]];
    this.#rungs = this.#rungs.filter((rung) => !modes.includes(rung));
    // A schema that one grammar cannot hold says nothing of the next one.
    if (refusal !== undefined) remember(this.#key, modes);
    return true;
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
      return (
        info?.nativeStructuredOutput === true &&
        nativeSchema(request.output.schema) !== undefined
      );
    case "tool":
      return tools && !isThinking(request);
    case "auto-tool":
      return tools;
    case "prompt":
      return true;
  }
}

/** Forced tool use and thinking exclude each other: "Thinking may not be enabled when tool_choice forces tool use". */
function isThinking({ bedrock }: ModelRequest): boolean {
  const fields = bedrock?.additionalModelRequestFields;
  if (typeof fields !== "object" || fields === null || !("thinking" in fields))
    return false;
  const { thinking } = fields;
  return (
    typeof thinking === "object" &&
    thinking !== null &&
    Reflect.get(thinking, "type") !== "disabled"
  );
}
