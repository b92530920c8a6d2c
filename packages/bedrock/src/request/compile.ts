import type {
  ConverseCommandInput,
  ConverseStreamCommandInput,
} from "@aws-sdk/client-bedrock-runtime";
import type { ContentBlock, ModelInfo } from "@lambdallm/core";
import {
  type Adaptation,
  isManagedPrompt,
  type ModelRequest,
} from "@lambdallm/core/feature";
import { Blocks } from "./blocks.ts";
import { CachePoints } from "./cache-points.ts";
import { Changes } from "./changes.ts";
import { conversationOf } from "./conversation.ts";
import { additionalFieldsOf, inferenceOf } from "./inference.ts";
import { metadataOf, refuseUnknownSettings } from "./settings.ts";
import { Tools } from "./tools.ts";

type ConverseInput = ConverseCommandInput & ConverseStreamCommandInput;

export interface Compiled {
  readonly input: ConverseInput;
  /** What is left out of it, or said in another way. */
  readonly adaptations: readonly Adaptation[];
  /** What reads the calls of the answer. */
  readonly tools: Tools;
}

/**
 * Compiles a request for the model at hand, last of all: what the model is known not to take is left out or said in
 * another way, so that a fallback from one family to another works.
 *
 * @throws {ConfigurationError} for what no model takes, naming the place.
 * @throws {ModelInvocationError} with the reason `capability` for what this model cannot do, naming the place.
 */
export function compile(
  given: ModelRequest,
  modelId: string,
  info: ModelInfo | undefined,
): Compiled {
  const request = withoutUndefined(given);
  const { bedrock = {}, tags } = request;
  refuseUnknownSettings(bedrock);
  const changes = new Changes();
  const circumstances = { modelId, info, changes };
  const tools = new Tools(request, circumstances);
  const blocks = new Blocks(circumstances, (name, input) =>
    tools.wrapInput(name, input),
  );
  const requestMetadata = metadataOf(tags, bedrock.requestMetadata);
  const conversation = conversationOf(request, { ...circumstances, blocks });
  const shared = {
    ...bedrock,
    ...(requestMetadata && { requestMetadata }),
    modelId,
  };
  const compiled = isManagedPrompt(modelId)
    ? { ...shared, ...managed(request, conversation.messages, changes) }
    : {
        ...shared,
        ...withFittingPoints(
          { ...conversation, toolConfig: tools.config() },
          changes,
        ),
        inferenceConfig: inferenceOf(request, modelId, info, changes),
        additionalModelRequestFields: additionalFieldsOf(
          request,
          modelId,
          info,
          changes,
        ),
      };
  return {
    // The core's content blocks are Converse's own shapes; the SDK's types differ in `readonly` and `| undefined` only.
    input: compiled as unknown as ConverseInput,
    adaptations: changes.list,
    tools,
  };
}

/** A field that is undefined is none: the SDK leaves it out. */
function withoutUndefined(request: ModelRequest): ModelRequest {
  const isWhole = (block: object) => !Object.values(block).includes(undefined);
  if (request.messages.every(({ content }) => content.every(isWhole)))
    return request;
  const messages = request.messages.map((message) => ({
    ...message,
    content: message.content.map((block) =>
      isWhole(block)
        ? block
        : // The same block, without what is none.
          (Object.fromEntries(
            Object.entries(block).filter(([, value]) => value !== undefined),
          ) as unknown as ContentBlock),
    ),
  }));
  return { ...request, messages };
}

const BROUGHT = [
  "system",
  "maxTokens",
  "temperature",
  "topP",
  "stopSequences",
  "tools",
] as const;

/** A managed prompt brings its settings itself, and the service refuses them in the request. */
function managed(
  request: ModelRequest,
  messages: ReturnType<typeof conversationOf>["messages"],
  changes: Changes,
) {
  for (const name of BROUGHT)
    if (request[name] !== undefined)
      changes.leftOut(name, "a managed prompt brings its own");
  if (request.bedrock?.additionalModelRequestFields !== undefined)
    changes.leftOut(
      "bedrock.additionalModelRequestFields",
      "a managed prompt brings its own",
    );
  return { messages, additionalModelRequestFields: undefined };
}

type Parts = ReturnType<typeof conversationOf> & {
  readonly toolConfig: ReturnType<Tools["config"]>;
};

function withFittingPoints(
  { messages, system, toolConfig }: Parts,
  changes: Changes,
): Parts {
  const points = new CachePoints(
    [
      toolConfig?.tools ?? [],
      system ?? [],
      ...messages.map(({ content }) => content),
    ],
    changes,
  );
  return {
    toolConfig: toolConfig && {
      ...toolConfig,
      tools: points.fit(toolConfig.tools),
    },
    ...(system && { system: points.fit(system) }),
    messages: messages.map((message) => ({
      ...message,
      content: points.fit(message.content),
    })),
  };
}
