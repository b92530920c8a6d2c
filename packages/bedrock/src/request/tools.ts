import {
  ConfigurationError,
  type JsonValue,
  type ModelInfo,
  type Tool,
  type ToolChoice,
} from "@lambdallm/core";
import {
  isClaude,
  isNova,
  isObject,
  type ModelRequest,
  thinkingOf,
} from "@lambdallm/core/feature";
import { unwrap } from "../output/wrapping.ts";
import { withUsefulPoints } from "./cache-points.ts";
import { type Changes, incapable } from "./changes.ts";
import { fittingName } from "./names.ts";
import { blocksOf, type Placed, placed } from "./placed.ts";
import { toolSchema } from "./tool-schema.ts";

const TOOL_KINDS = new Set([
  "toolSpec",
  "systemTool",
  "cachePoint",
  "$unknown",
]);

const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

export interface ToolConfig {
  readonly tools: readonly Tool[];
  readonly toolChoice?: ToolChoice;
}

interface Circumstances {
  readonly modelId: string;
  readonly info: ModelInfo | undefined;
  readonly changes: Changes;
}

/** The tools of a request in the words of the model, and the way back. */
export class Tools {
  readonly #request: ModelRequest;
  readonly #circumstances: Circumstances;
  /** Schemas of tools whose arguments are one field of an object, because their schema is none of an object. */
  readonly #wrapped = new Map<string, object>();

  /** @throws {ConfigurationError} naming the tool that none can be. */
  constructor(request: ModelRequest, circumstances: Circumstances) {
    this.#request = request;
    this.#circumstances = circumstances;
    const id = circumstances.info?.id ?? circumstances.modelId;
    for (const [index, tool] of (request.tools ?? []).entries()) {
      const place = `tools[${index}]`;
      check(tool, place);
      if (!("toolSpec" in tool)) continue;
      const { name, inputSchema } = tool.toolSpec;
      const { wrapped } = toolSchema(Object(inputSchema.json), id, place);
      if (wrapped) this.#wrapped.set(name, Object(inputSchema.json));
    }
  }

  /** Whether the arguments of this tool come as the one field of an object. */
  isWrapped(name: string): boolean {
    return this.#wrapped.has(name);
  }

  /** The arguments of a call in the history as the model has written them. */
  wrapInput(name: string, input: JsonValue): JsonValue {
    return this.#wrapped.has(name) ? { value: input } : input;
  }

  /** The arguments of a call as the tool's own schema means them. */
  unwrapInput(name: string, input: JsonValue): JsonValue {
    const schema = this.#wrapped.get(name);
    if (schema === undefined) return input;
    // It came out of a JSON value.
    return unwrap(schema, input) as JsonValue;
  }

  /**
   * @throws {ModelInvocationError} The model has no tools.
   * @throws {ConfigurationError} A choice without tools, or of one that is not there.
   */
  config(): ToolConfig | undefined {
    const { toolChoice, messages, onDelta } = this.#request;
    const { info, modelId } = this.#circumstances;
    const tools = this.#usable(this.#request.tools ?? []);
    const used = usedTools(messages);
    if (tools.length === 0 && toolChoice !== undefined)
      throw new ConfigurationError(
        "`toolChoice` was given without `tools`: give the tools, or leave it out.",
      );
    if (tools.length === 0 && used.length === 0) return undefined;
    const place = tools.length > 0 ? "tools" : "the tool calls in messages";
    if (info?.tools === false) throw incapable(modelId, place, "has no tools");
    if (onDelta !== undefined && info?.streamingTools === false)
      throw incapable(modelId, place, "has no tools in streams");
    // The service wants the tools of a history declared, even when the model is not to use any.
    if (tools.length === 0) return { tools: used.map(placeholderTool) };
    const choice = toolChoice && this.#choice(toolChoice, blocksOf(tools));
    return {
      tools: tools.map((tool) => this.#tool(tool)),
      ...(choice && { toolChoice: choice }),
    };
  }

  #tool({ block: tool, place }: Placed<Tool>): Tool {
    if (!("toolSpec" in tool)) return tool;
    const { info, modelId, changes } = this.#circumstances;
    const id = info?.id ?? modelId;
    const { description, strict, inputSchema, ...spec } = tool.toolSpec;
    const { schema, changed } = toolSchema(Object(inputSchema.json), id, place);
    if (changed)
      changes.changed(
        `${place}.toolSpec.inputSchema`,
        "the model takes a plain object at the top of a tool's schema",
      );
    const isDescribed = description !== undefined && description.trim() !== "";
    // Sent by whoever asks for it; the models without the native mode refuse the very key.
    const isStrict =
      strict !== undefined &&
      !(isClaude(id) && info?.nativeStructuredOutput === false);
    if (strict !== undefined && !isStrict)
      changes.leftOut(
        `${place}.toolSpec.strict`,
        "the model has no strict tools",
      );
    return {
      toolSpec: {
        ...spec,
        ...(isDescribed && { description }),
        inputSchema: { ...inputSchema, json: schema },
        ...(isStrict && { strict }),
      },
    };
  }

  #usable(given: readonly Tool[]): readonly Placed<Tool>[] {
    const { info, modelId, changes } = this.#circumstances;
    const tools = placed(given, "tools");
    const caching =
      info?.promptCaching !== false && !isNova(info?.id ?? modelId);
    if (caching) return withUsefulPoints(tools, changes);
    return tools.filter(({ block, place }) => {
      if (!("cachePoint" in block)) return true;
      changes.leftOut(place, "the model does not cache its tools");
      return false;
    });
  }

  #choice(choice: ToolChoice, tools: readonly Tool[]): ToolChoice {
    const { info, modelId, changes } = this.#circumstances;
    if ("auto" in choice) return choice;
    if (
      "tool" in choice &&
      !tools.some(
        (tool) => "toolSpec" in tool && tool.toolSpec.name === choice.tool.name,
      )
    )
      throw new ConfigurationError(
        "`toolChoice.tool.name` is none of the `tools`: give that tool, or choose another.",
      );
    if (isClaude(info?.id ?? modelId) && thinkingOf(this.#request)) {
      changes.changed(
        "toolChoice",
        "while it thinks, the model cannot be made to call a tool",
      );
      return { auto: {} };
    }
    const canAny = info?.toolChoiceAny !== false;
    if ("tool" in choice ? info?.toolChoiceTool !== false : canAny)
      return choice;
    const instead: ToolChoice =
      "tool" in choice && canAny && tools.length === 1
        ? { any: {} }
        : { auto: {} };
    changes.changed("toolChoice", "the model cannot be made to call this tool");
    return instead;
  }
}

/** @throws {ConfigurationError} */
function check(tool: Tool, place: string): void {
  if (!Object.keys(tool).some((key) => TOOL_KINDS.has(key)))
    throw new ConfigurationError(
      `${place} must be { toolSpec: { name, description, inputSchema: { json } } }, as in Bedrock's Converse API.`,
    );
  if (!("toolSpec" in tool)) return;
  const { name, inputSchema }: { name?: unknown; inputSchema?: unknown } =
    Object(tool.toolSpec);
  if (typeof name !== "string" || !TOOL_NAME.test(name))
    throw new ConfigurationError(
      `${place}.toolSpec.name must be 1 to 64 letters, digits, _ and -.`,
    );
  if (!isObject(Reflect.get(Object(inputSchema), "json")))
    throw new ConfigurationError(
      `${place}.toolSpec.inputSchema.json must be a JSON Schema of an object.`,
    );
}

/** The names of the tools that a history has calls of. */
function usedTools(messages: ModelRequest["messages"]): readonly string[] {
  const used = new Set<string>();
  for (const { content } of messages)
    for (const block of content)
      if ("toolUse" in block) used.add(fittingName(block.toolUse.name));
  return [...used];
}

function placeholderTool(name: string): Tool {
  return {
    toolSpec: {
      name,
      description: "Not available any more.",
      inputSchema: { json: { type: "object" } },
    },
  };
}
