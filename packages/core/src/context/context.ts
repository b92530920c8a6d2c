import type { Invocation } from "../call/invocation.ts";
import { textAnswer, wholeAnswer } from "../call/text-answer.ts";
import { checkConversation } from "../checks/check-messages.ts";
import { check, type OptionCheck, validateOptions } from "../checks/options.ts";
import type { Message, SystemBlock } from "../contract/content.ts";
import { ConfigurationError } from "../contract/errors.ts";
import type { ModelRequest } from "../contract/model-call.ts";
import type { OutputSchema } from "../schema/types.ts";
import { ObjectStream } from "../stream/object-stream.ts";
import { eitherSignal, streamText } from "../stream/text-stream.ts";
import type {
  CallOptions,
  ConverseRequest,
  LLMContext,
  PromptSource,
  StructuredOptions,
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

const structuredChecks = {
  ...invokeOptionChecks,
  maxRepairs: check.wholeNumber,
};

const converseChecks = {
  ...invokeOptionChecks,
  messages: check.array,
  tools: check.array,
  toolChoice: check.object,
  output: check.object,
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

export function createContext(invocation: Invocation): LLMContext {
  const toRequest = (
    { system, ...settings }: ConverseRequest,
    soft?: ModelRequest["defaults"],
  ): ModelRequest => {
    const { defaults } = invocation;
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
  };

  const promptRequest = (
    method: string,
    prompt: string | PromptSource,
    variables: object | undefined,
    options: CallOptions,
  ): ModelRequest => {
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
      ? toRequest({ ...options, messages })
      : toRequest(
          { ...mergeOptions(prompt.callOptions, options), messages },
          prompt.defaults,
        );
  };

  const promptAnswer = async (request: ModelRequest) =>
    wholeAnswer(await invocation.callModel(request));

  const converseRequest = (method: string, given: ConverseRequest) => {
    validateOptions(method, converseChecks, given);
    const request = toRequest(given);
    // A managed prompt may have all the messages itself.
    if (given.messages?.length === 0 && given.bedrock?.promptVariables)
      return request;
    return { ...request, messages: checkConversation(method, request) };
  };

  const totalCostUsd = () =>
    invocation.totals.unpricedAttempts > 0
      ? undefined
      : invocation.totals.knownCostUsd;

  return {
    invoke(
      prompt: string | PromptSource,
      variables?: object,
      options: CallOptions = {},
    ) {
      return invocation.track(async () => {
        const request = promptRequest("invoke", prompt, variables, options);
        return textAnswer(invocation, await invocation.callModel(request)).text;
      });
    },

    invokeStructured(
      prompt: string | PromptSource,
      schema: OutputSchema,
      variables?: object,
      given: StructuredOptions = {},
    ) {
      return invocation.track(async () => {
        validateOptions("invokeStructured", structuredChecks, given);
        const { maxRepairs = 1, ...options } = given;
        const request = promptRequest(
          "invokeStructured",
          prompt,
          variables,
          options,
        );
        const { callForValue } = await import("./structured.ts");
        // callForValue returns what the validator of this schema let pass.
        return (await callForValue(
          promptAnswer,
          request,
          schema,
          maxRepairs,
        )) as never;
      });
    },

    stream(
      prompt: string | PromptSource,
      variables?: object,
      options: CallOptions = {},
    ) {
      // Null is refused with the rest of the options.
      return streamText(options?.signal, async (settings) => {
        const request = promptRequest("stream", prompt, variables, options);
        const response = await invocation.callModel({
          ...request,
          ...settings,
        });
        return textAnswer(invocation, response);
      });
    },

    streamStructured(
      prompt: string | PromptSource,
      schema: OutputSchema,
      variables?: object,
      options: CallOptions = {},
    ) {
      return new ObjectStream<never>(async (show, ownSignal) => {
        const request = promptRequest(
          "streamStructured",
          prompt,
          variables,
          options,
        );
        const { streamValue } = await import("./structured.ts");
        const signal = eitherSignal(options.signal, ownSignal);
        return streamValue(promptAnswer, { ...request, signal }, schema, show);
      });
    },

    converse(request: ConverseRequest) {
      return invocation.track(async () => {
        return invocation.callModel(converseRequest("converse", request));
      });
    },

    countTokens(request: ConverseRequest) {
      return invocation.track(async () => {
        return invocation.countTokens(converseRequest("countTokens", request));
      });
    },

    get remainingTimeMs() {
      return invocation.remainingTimeMs;
    },
    get shouldCheckpoint() {
      return invocation.remainingTimeMs <= invocation.bufferMs;
    },
    get totalCostUsd() {
      return totalCostUsd();
    },
    get totalCost() {
      return totalCostUsd();
    },
    get usage() {
      return invocation.totals.usage;
    },
    get metrics() {
      return invocation.totals.toMetrics();
    },
    getRawClient(service?: string) {
      const { provider } = invocation;
      if (provider.rawClient === undefined)
        throw new ConfigurationError(
          `The provider "${provider.name}" cannot hand out a client.`,
        );
      return provider.rawClient(service);
    },
  };
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
