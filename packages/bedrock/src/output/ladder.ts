import type { ModelInfo, ModelRequest, OutputMode } from "@lambdallm/core";
import { nativeSchema } from "./native-schema.ts";

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

/** Modes by `region/model id`, as the service has answered so far. */
const verdicts = new Map<string, OutputMode>();

/**
 * Which mode works for which model, as this process has learnt: keys are `region/model id`, with `/stream` for streams.
 * Give it to `bedrock({ outputModes })` to spare a new process the refusals.
 */
export function outputModes(): Record<string, OutputMode> {
  return Object.fromEntries(verdicts);
}

export function presetOutputModes(
  modes: Readonly<Record<string, OutputMode>>,
): void {
  for (const [key, mode] of Object.entries(modes)) verdicts.set(key, mode);
}

/** The way down from the best mode that a model may have; remembers what the service refuses. */
export class Ladder {
  readonly #key: string;
  readonly #rungs: OutputMode[];

  constructor(
    request: ModelRequest & {
      readonly output: NonNullable<ModelRequest["output"]>;
    },
    model: {
      readonly modelId: string;
      readonly region: string;
      readonly info: ModelInfo | undefined;
    },
  ) {
    const streaming = request.onDelta !== undefined;
    this.#key = `${model.region}/${model.modelId}${streaming ? "/stream" : ""}`;
    const known = verdicts.get(this.#key);
    const able = RUNGS.filter((mode) => can(mode, model.info, streaming));
    const start = known ?? able[0] ?? "prompt";
    this.#rungs = RUNGS.slice(RUNGS.indexOf(start)).filter(
      (mode) => able.includes(mode) || mode === start,
    );
    if (nativeSchema(request.output.schema) === undefined)
      this.#skip(["native"]);
    if (isThinking(request)) this.#skip(["tool"]);
  }

  get mode(): OutputMode {
    return this.#rungs[0] ?? "prompt";
  }

  /** Steps down when the error is a refusal of this mode; false when it is about something else. */
  refused(message: string): boolean {
    const { mode } = this;
    const refusal = REFUSALS.find(
      ([pattern, modes]) => pattern.test(message) && modes.includes(mode),
    );
    const ofSchema = mode !== "prompt" && SCHEMA_REFUSAL.test(message);
    if (refusal === undefined && !ofSchema) return false;
    this.#skip(refusal?.[1] ?? [mode]);
    // A schema that one grammar cannot hold says nothing of the next one.
    if (refusal !== undefined) verdicts.set(this.#key, this.mode);
    return true;
  }

  #skip(modes: readonly OutputMode[]): void {
    const left = this.#rungs.filter((mode) => !modes.includes(mode));
    this.#rungs.splice(
      0,
      this.#rungs.length,
      ...(left.length > 0 ? left : (["prompt"] as const)),
    );
  }
}

function can(
  mode: OutputMode,
  info: ModelInfo | undefined,
  streaming: boolean,
): boolean {
  switch (mode) {
    case "native":
      return info?.nativeStructuredOutput === true;
    case "tool":
    case "auto-tool":
      return (streaming ? info?.streamingTools : info?.tools) !== false;
    default:
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
