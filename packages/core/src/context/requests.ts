import type { RequestDefaults } from "../call/invocation.ts";
import { checkConversation } from "../checks/check-messages.ts";
import { check, type OptionCheck, validateOptions } from "../checks/options.ts";
import type { Message, SystemBlock } from "../contract/content.ts";
import { ConfigurationError } from "../contract/errors.ts";
import type { ModelRequest } from "../contract/model-call.ts";
import type {
  CallOptions,
  ConverseRequest,
  PromptSource,
} from "./llm-context.ts";
import { formatTemplate, hasVariables } from "./template.ts";

/** Settings that a provider's options and a single call share. */
export const callOptionChecks = {
  model: check.text,
  system: check.textOrBlocks,
  maxTokens: check.positiveInteger,
  temperature: check.atLeastZero,
  topP: check.zeroToOne,
  stopSequences: check.texts,
  tags: check.textRecord,
  bedrock: check.object,
} as const satisfies Record<string, OptionCheck>;

/** Settings of a single call only. */
export const invokeOptionChecks = {
  ...callOptionChecks,
  signal: check.signal,
  onResponse: check.function,
};

export const structuredChecks = {
  ...invokeOptionChecks,
  maxRepairs: check.wholeNumber,
};

const converseChecks = {
  ...invokeOptionChecks,
  messages: check.array,
  tools: check.array,
  toolChoice: check.object,
  output: check.object,
  conversation: check.object,
  deadline: check.atLeastZero,
  onDelta: check.function,
  deltas: check.listOf("text", "reasoning", "tool", "output"),
};

/** A system prompt in its short or its long form. A blank one is none, which a call can use to leave out the default. */
export function systemBlocks(
  system: string | readonly SystemBlock[],
): readonly SystemBlock[] {
  if (typeof system !== "string") return system;
  return system.trim() === "" ? [] : [{ text: system }];
}

/** What a call gives, on top of what the provider's middleware was given for all calls. */
function requestOf(
  defaults: RequestDefaults,
  { system, ...settings }: ConverseRequest,
  soft?: ModelRequest["defaults"],
): ModelRequest {
  const request: Record<string, unknown> = {};
  for (const given of [defaults, settings])
    for (const [name, value] of Object.entries(given))
      if (value !== undefined) request[name] = value;
  if (system !== undefined) request["system"] = systemBlocks(system);
  if (soft !== undefined) request["defaults"] = soft;
  // Key by key: a service tier of one call must not switch off the guardrail of all.
  for (const name of ["bedrock", "tags"] as const)
    if (settings[name] && defaults[name])
      request[name] = { ...defaults[name], ...settings[name] };
  // Checked by validateOptions: every field has its type, and model comes from the defaults at the latest.
  return request as unknown as ModelRequest;
}

/** What the functions that take a prompt are given. */
export interface PromptCall {
  /** Named in errors. */
  readonly method: string;
  readonly prompt: string | PromptSource;
  readonly variables: object | undefined;
  readonly options: CallOptions;
}

/** @throws {ConfigurationError} for options that are wrong, a variable that is missing, and an empty prompt. */
export function promptRequest(
  defaults: RequestDefaults,
  { method, prompt, variables, options }: PromptCall,
): ModelRequest {
  validateOptions(method, invokeOptionChecks, options);
  if (typeof prompt === "string")
    refuseMisplacedOptions(method, prompt, variables);
  const text = promptText(method, prompt, variables);
  if (text.trim() === "")
    throw new ConfigurationError(
      `${method}: the prompt is empty once its variables are filled in.`,
    );
  const messages: Message[] = [{ role: "user", content: [{ text }] }];
  return typeof prompt === "string"
    ? requestOf(defaults, { ...options, messages })
    : requestOf(
        defaults,
        { ...mergeOptions(prompt.callOptions, options), messages },
        prompt.defaults,
      );
}

/** @throws {ConfigurationError} for options and messages that are wrong. */
export function converseRequest(
  defaults: RequestDefaults,
  method: string,
  given: ConverseRequest,
): ModelRequest {
  validateOptions(method, converseChecks, given);
  const request = requestOf(defaults, given);
  // A managed prompt may have all the messages itself.
  if (given.messages?.length === 0 && given.bedrock?.promptVariables)
    return request;
  return { ...request, messages: checkConversation(method, request) };
}

function promptText(
  method: string,
  prompt: string | PromptSource,
  variables: object | undefined,
): string {
  if (typeof prompt === "string") return formatTemplate(prompt, variables);
  if (typeof prompt?.format === "function")
    return prompt.format(variables ?? {});
  throw new ConfigurationError(
    `${method}: the prompt must be a string or a Prompt.`,
  );
}

/** What a call says comes before what its prompt says; tags of both count. */
function mergeOptions(prompt: CallOptions, call: CallOptions): CallOptions {
  const given = Object.fromEntries(
    Object.entries(call).filter(([, value]) => value !== undefined),
  );
  const tags = { ...prompt.tags, ...call.tags };
  return { ...prompt, ...given, ...(Object.keys(tags).length > 0 && { tags }) };
}

/** `invoke("Hello", { maxTokens: 5 })` would ignore what it was told. */
function refuseMisplacedOptions(
  method: string,
  prompt: string,
  variables: object | undefined,
): void {
  const misplaced = Object.keys(variables ?? {}).filter((name) =>
    Object.hasOwn(invokeOptionChecks, name),
  );
  if (misplaced.length > 0 && !hasVariables(prompt))
    throw new ConfigurationError(
      `${method}: the prompt has no variables, but was given ${misplaced.map((name) => `"${name}"`).join(", ")}. Options are the third argument.`,
    );
}
