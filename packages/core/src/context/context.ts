import type { Invocation } from "../call/invocation.ts";
import { textAnswer, wholeAnswer } from "../call/text-answer.ts";
import type { TimeIsUp } from "../call/time-is-up.ts";
import { validateOptions } from "../checks/options.ts";
import { ConfigurationError } from "../contract/errors.ts";
import type { CallModel, ModelRequest } from "../contract/model-call.ts";
import type { OutputSchema } from "../schema/types.ts";
import { ObjectStream } from "../stream/object-stream.ts";
import { eitherSignal, streamText } from "../stream/text-stream.ts";
import { askForValue } from "./ask-for-value.ts";
import type {
  CallOptions,
  ConverseRequest,
  LLMContext,
  PromptSource,
  StructuredOptions,
} from "./llm-context.ts";
import {
  converseRequest,
  promptRequest,
  structuredChecks,
} from "./requests.ts";

/** What a program has changed about the functions of a context. */
export interface ContextChanges {
  /** What decides about answers that the deadline cut off. @default the invocation */
  readonly timeIsUp?: TimeIsUp;
  /** What makes the model calls. @default the invocation */
  readonly callModel?: CallModel;
}

/** The functions that the context of an invocation has. */
export function createContext(
  invocation: Invocation,
  changes: ContextChanges = {},
): LLMContext {
  const { defaults } = invocation;
  const {
    timeIsUp = invocation,
    callModel = (request) => invocation.callModel(request),
  } = changes;
  const promptAnswer = async (request: ModelRequest) =>
    wholeAnswer(timeIsUp, await callModel(request));

  return {
    invoke(
      prompt: string | PromptSource,
      variables?: object,
      options: CallOptions = {},
    ) {
      return invocation.track(async () => {
        const request = promptRequest(defaults, {
          method: "invoke",
          prompt,
          variables,
          options,
        });
        return textAnswer(timeIsUp, await callModel(request)).text;
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
        const request = promptRequest(defaults, {
          method: "invokeStructured",
          prompt,
          variables,
          options,
        });
        // It is what the validator of this schema let pass.
        return (await askForValue(
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
        const request = promptRequest(defaults, {
          method: "stream",
          prompt,
          variables,
          options,
        });
        const response = await callModel({ ...request, ...settings });
        return textAnswer(timeIsUp, response);
      });
    },

    streamStructured(
      prompt: string | PromptSource,
      schema: OutputSchema,
      variables?: object,
      options: CallOptions = {},
    ) {
      return new ObjectStream<never>(async (show, ownSignal) => {
        const request = promptRequest(defaults, {
          method: "streamStructured",
          prompt,
          variables,
          options,
        });
        const { streamValue } = await import("./structured.ts");
        const signal = eitherSignal(options.signal, ownSignal);
        return streamValue(promptAnswer, { ...request, signal }, schema, show);
      });
    },

    converse(request: ConverseRequest) {
      return invocation.track(async () => {
        return callModel(converseRequest(defaults, "converse", request));
      });
    },

    countTokens(request: ConverseRequest) {
      return invocation.track(async () => {
        return invocation.countTokens(
          converseRequest(defaults, "countTokens", request),
        );
      });
    },

    get remainingTimeMs() {
      return invocation.remainingTimeMs;
    },
    get shouldCheckpoint() {
      return invocation.remainingTimeMs <= invocation.bufferMs;
    },
    get totalCostUsd() {
      return invocation.totals.totalCostUsd;
    },
    get totalCost() {
      return invocation.totals.totalCostUsd;
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
