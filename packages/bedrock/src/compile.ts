import type {
  ConverseCommandInput,
  ConverseStreamCommandInput,
} from "@aws-sdk/client-bedrock-runtime";
import {
  type BedrockSettings,
  ConfigurationError,
  type ContentBlock,
  type Message,
  type ModelInfo,
  type ModelRequest,
  type SystemBlock,
  type Tool,
} from "@lambdallm/core";

type ConverseInput = ConverseCommandInput & ConverseStreamCommandInput;

/** The union members that the AWS SDK serialises; it drops any other in silence, unless it is marked as `$unknown`. */
const KNOWN_BLOCKS = new Set([
  "text",
  "image",
  "document",
  "video",
  "audio",
  "toolUse",
  "toolResult",
  "reasoningContent",
  "cachePoint",
  "guardContent",
  "citationsContent",
  "searchResult",
  "toolAddition",
  "toolRemoval",
]);

const BLOCK_NAME = /^\w{1,64}$/;

/** They refuse `temperature` and `top_p` together: "cannot both be specified for this model". */
const ONE_SAMPLING_FIELD = /claude-(haiku|sonnet|opus)-4-[156]\b/;

/**
 * Compiles a request for the model at hand, last of all: what the model is known not to take is left out or said in
 * another way, so that a fallback from one family to another works.
 */
export function compile(
  request: ModelRequest,
  modelId: string,
  info: ModelInfo | undefined,
): ConverseInput {
  const { bedrock = {}, tags } = request;
  refuseUnknownSettings(bedrock);
  const requestMetadata = metadataOf(tags, bedrock.requestMetadata);
  const shared = {
    ...bedrock,
    ...(requestMetadata && { requestMetadata }),
    modelId,
  };
  const compiled = modelId.includes(":prompt/")
    ? // A managed prompt brings these itself, and the service refuses them in the request.
      { ...shared, messages: request.messages.map(compileMessage) }
    : {
        ...shared,
        ...compileConversation(request, info),
        inferenceConfig: inferenceConfig(request, modelId, info),
        toolConfig: toolConfig(request, info),
      };
  // The core's content blocks are Converse's own shapes; the SDK's types differ in `readonly` and `| undefined` only.
  return compiled as unknown as ConverseInput;
}

/** The SDK drops what it does not know in silence, and what the request says itself would be overwritten. */
const SETTINGS: ReadonlySet<string> = new Set<keyof BedrockSettings>([
  "additionalModelRequestFields",
  "additionalModelResponseFieldPaths",
  "guardrailConfig",
  "outputConfig",
  "performanceConfig",
  "promptVariables",
  "requestMetadata",
  "serviceTier",
]);

function refuseUnknownSettings(settings: BedrockSettings): void {
  for (const name of Object.keys(settings))
    if (!SETTINGS.has(name))
      throw new ConfigurationError(
        `There is no setting "${name}" in the option bedrock. Settings: ${[...SETTINGS].join(", ")}.`,
      );
}

function withoutCachePoints<T extends object>(blocks: readonly T[]): T[] {
  return blocks.filter((block) => !("cachePoint" in block));
}

function compileConversation(
  { system = [], messages }: ModelRequest,
  info: ModelInfo | undefined,
) {
  const usable: typeof withoutCachePoints =
    info?.promptCaching === false
      ? withoutCachePoints
      : (blocks) => [...blocks];
  const compiled = messages
    .map((message) =>
      compileMessage({ ...message, content: usable(message.content) }),
    )
    // An answer can be empty, and a message can hold a cache point only; the service takes neither.
    .filter(({ content }) => content.length > 0);
  const systemBlocks = usable(system).map(wellFormed);
  if (systemBlocks.length === 0) return { messages: compiled };
  if (info?.systemPrompt !== false)
    return { messages: compiled, system: systemBlocks };
  return { messages: prependSystem(systemBlocks, compiled) };
}

/** For models without a system prompt: its text comes before the first message. */
function prependSystem(
  system: readonly SystemBlock[],
  messages: readonly Message[],
): Message[] {
  const [first, ...rest] = messages;
  const text = system.map(systemText).filter(Boolean).join("\n\n");
  if (first?.role !== "user")
    return [{ role: "user", content: [{ text }] }, ...messages];
  const [opening, ...others] = first.content;
  const content: ContentBlock[] =
    opening !== undefined && "text" in opening
      ? [{ text: `${text}\n\n${opening.text}` }, ...others]
      : [{ text }, ...first.content];
  return [{ role: "user", content }, ...rest];
}

function systemText(block: SystemBlock): string {
  if ("text" in block) return block.text;
  const guarded = "guardContent" in block ? block.guardContent : undefined;
  return guarded && "text" in guarded ? guarded.text.text : "";
}

function compileMessage({ role, content }: Message): Message {
  const sent =
    role === "assistant" ? content.filter((block) => !isBlank(block)) : content;
  return { role, content: sent.map(wellFormed) };
}

/** Models write blank text before a tool call, and do not take it back. */
function isBlank(block: ContentBlock): boolean {
  return "text" in block && block.text.trim() === "";
}

/** A lone surrogate has no UTF-8 form, and the service refuses it; an unknown member has to be marked for the SDK. */
function wellFormed<T extends object>(block: T): T {
  if ("text" in block && typeof block.text === "string")
    return block.text.isWellFormed()
      ? block
      : { ...block, text: block.text.toWellFormed() };
  const [key] = Object.keys(block);
  if (key === undefined || KNOWN_BLOCKS.has(key)) return block;
  const unknown: unknown = Reflect.get(block, key);
  const marked: unknown = key === "$unknown" ? unknown : [key, unknown];
  // The SDK writes the name into the request's JSON as it is.
  if (!Array.isArray(marked) || !BLOCK_NAME.test(String(marked[0])))
    throw new ConfigurationError(
      "A content block has a name that cannot be one: it must be made of letters and digits.",
    );
  return { $unknown: marked } as unknown as T;
}

function inferenceConfig(
  request: ModelRequest,
  modelId: string,
  info: ModelInfo | undefined,
) {
  const { maxTokens, temperature, topP, stopSequences } = request;
  const sampling = info?.samplingParameters !== false;
  const both =
    temperature !== undefined &&
    topP !== undefined &&
    !ONE_SAMPLING_FIELD.test(info?.id ?? modelId);
  const config = {
    ...(maxTokens !== undefined && {
      maxTokens: Math.min(maxTokens, info?.maxOutputTokens ?? maxTokens),
    }),
    ...(sampling && temperature !== undefined && { temperature }),
    ...(sampling &&
      topP !== undefined &&
      (both || temperature === undefined) && { topP }),
    ...(stopSequences !== undefined &&
      stopSequences.length > 0 && { stopSequences }),
  };
  return Object.keys(config).length > 0 ? config : undefined;
}

const TOOL_KINDS = new Set([
  "toolSpec",
  "systemTool",
  "cachePoint",
  "$unknown",
]);

function toolConfig(
  { tools = [], toolChoice, messages }: ModelRequest,
  info: ModelInfo | undefined,
) {
  // Nova caches, but not its tools.
  const caching =
    info?.promptCaching !== false && !info?.id.startsWith("amazon.nova");
  for (const [index, tool] of tools.entries())
    if (!Object.keys(tool).some((key) => TOOL_KINDS.has(key)))
      throw new ConfigurationError(
        `tools[${index}] must be { toolSpec: { name, description, inputSchema: { json } } }, as in Bedrock's Converse API.`,
      );
  if (tools.length > 0)
    return {
      tools: caching ? tools : withoutCachePoints(tools),
      ...(toolChoice && { toolChoice }),
    };
  if (toolChoice !== undefined)
    throw new ConfigurationError(
      "`toolChoice` was given without `tools`: give the tools, or leave it out.",
    );
  // The service wants the tools of a history declared, even when the model is not to use any.
  const used = new Set<string>();
  for (const { content } of messages)
    for (const block of content)
      if ("toolUse" in block) used.add(block.toolUse.name);
      else if ("toolResult" in block) used.add("");
  if (used.size === 0) return undefined;
  if (used.size > 1) used.delete("");
  return { tools: Array.from(used, placeholderTool) };
}

function placeholderTool(name: string): Tool {
  return {
    toolSpec: {
      // A result whose call was trimmed away still needs some tool to be declared.
      name: name || "unavailable",
      description: "Not available any more.",
      inputSchema: { json: { type: "object" } },
    },
  };
}

const MAX_METADATA = 16;

/**
 * At most 16 entries of 256 of these characters, says the service; they only label its logs, so a tag is made to fit
 * rather than refused.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 */
function metadataOf(
  tags: ModelRequest["tags"] = {},
  own: Readonly<Record<string, string>> = {},
): Record<string, string> | undefined {
  const label = (text: string) =>
    text.replace(/[^a-zA-Z0-9\s:_@$#=/+,.-]/g, "_").slice(0, 256);
  const fitting = Object.entries(tags).map(([name, value]) => [
    label(name),
    label(value),
  ]);
  const labels: Record<string, string> = Object.fromEntries(fitting);
  const entries = Object.entries({ ...labels, ...own });
  if (entries.length === 0) return undefined;
  // The caller's own come last in the object, and are the last to be left out.
  return Object.fromEntries(entries.slice(-MAX_METADATA));
}
