import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { type Fault, failureOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await start();
});
afterAll(() => local.close());

/** The error of the same request, plain and streamed. */
async function errorsOf(fault: Fault, model: string = Model.CLAUDE_HAIKU_4_5) {
  // With a maxTokens of the caller's own nothing is tried again.
  const options = { model, inferenceProfile: "none", maxTokens: 9 } as const;
  local.setFaults([{ ...fault, repeat: 2 }]);
  return [
    await failureOf(
      invocation(local, (context) => context.invoke("Hello"), options),
    ),
    await failureOf(
      invocation(local, (context) => context.stream("Hello").started, options),
    ),
  ];
}

const QWEN = "qwen.qwen3-32b-v1:0";
const COHERE = "cohere.command-r-v1:0";

/** As users of other libraries reported them, or as the vendors document them. */
const overflows: readonly (readonly [message: string, model?: string])[] = [
  [
    "The model returned the following errors: input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease input length or `max_tokens` and try again",
  ],
  [
    "The model returned the following errors: prompt is too long: 903884 tokens > 200000 maximum",
  ],
  ["Input is too long for requested model."],
  [
    "The model returned the following errors: too many total text bytes: 28906580 > 9000000",
  ],
  [
    'Mantle streaming error for requestId 5c1e: "This model\'s maximum context length is 202752 tokens. However, you requested 65536 output tokens and your prompt contains at least 137217 input tokens, for a total of at least 202753 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=137217)"',
  ],
  [
    "This model's maximum context length is 8192 tokens. Please reduce the length of the prompt",
  ],
  [
    "Prompt contains 235396 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
  ],
  [
    "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
  ],
  [
    "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: 9279 ",
  ],
  [
    "Malformed input request: expected maxLength: 50000, actual: 52611, please reformat your input and try again.",
  ],
  ["Your input exceeds the context window of this model."],
  ["The input exceeds the model's context length."],
  [
    "The input (263000 tokens) is longer than the model's context length (262144 tokens).",
  ],
  ["invalid params, context window exceeds limit"],
  ["Your request exceeded model token limit: 262144 (requested: 300000)"],
  [
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
  ],
  [
    "The input token count (140000) exceeds the maximum number of tokens allowed (128000).",
  ],
  ["Error code: context_length_exceeded"],
  ["Range of input length should be [1, 129024]", QWEN],
  [
    "too many tokens: size limit exceeded by 11326 tokens. Try using shorter or fewer inputs.",
    COHERE,
  ],
];

type Row = readonly [message: string, reason: string];

const capabilities: readonly Row[] = [
  "The model returned the following errors: This model does not support assistant message prefill. The conversation must end with a user message.",
  "Your API request included an `assistant` message in the final position, which would pre-fill the `assistant` response. When using tools, pre-filling the `assistant` response is not supported.",
  "The model returned the following errors: output_config.format: Extra inputs are not permitted",
  "Malformed input request: #: extraneous key [outputConfig] is not permitted, please reformat your input and try again.",
  "The model returned the following errors: output_config.format.schema: Invalid schema: Enum value 'low' does not match declared type '['string', 'null']'",
  "The model returned the following errors: output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
  "output_config.format.schema: For 'integer' type, properties maximum, minimum are not supported",
  "Schemas contains too many parameters with union types (19 parameters with type arrays or anyOf). This causes exponential compilation cost.",
  "Schemas contains too many optional parameters (25), which would make grammar compilation inefficient. Reduce the number of optional parameters in your tool schemas (limit: 24).",
  "The model returned the following errors: output_config.format.schema: For 'object' type, properties 'a', 'b' are not supported",
  "For 'object' type, properties 'a', 'b' are not supported",
  "Schema type 'oneOf' is not supported",
  "Schema is too complex for compilation.",
  "The compiled grammar is too large, which would cause performance issues. Simplify your tool schemas or reduce the number of strict tools.",
  "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.",
  'The model returned the following errors: tool_choice: type "tool" and "any" are not supported for this model.',
  "This model doesn't support the toolConfig.toolChoice.tool field. Remove toolConfig.toolChoice.tool and try again.",
  "This model doesn\u2019t support tool use in streaming mode.",
  "The model returned the following errors: tools.6.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
  "tools.0.custom.strict: Extra inputs are not permitted",
  "The model returned the following errors: `temperature` may only be set to 1 when thinking is enabled.",
  "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.",
  "`temperature` is deprecated for this model.",
  "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
  "User messages cannot contain reasoning content. Please remove the reasoning content and try again.",
  "This model doesn't support the stopSequences field. Remove stopSequences and try again.",
  "This model doesn't support system messages. Try again without a system message or use a model that supports system messages.",
  '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
].map((message) => [message, "capability"] as const);

const others: readonly Row[] = [
  [
    "The model returned the following errors: `max_tokens` must be greater than `thinking.budget_tokens`.",
    "invalid-request",
  ],
  [
    "Invocation of model ID x with on-demand throughput isn\u2019t supported. Retry your request with the ID or ARN of an inference profile that contains this model.",
    "model-not-found",
  ],
  [
    "The provided model doesn't support on-demand throughput.",
    "model-not-found",
  ],
  ["The provided model identifier is invalid.", "model-not-found"],
  [
    "Cache point cannot be inserted after reasoning block. Please remove the invalid cache point and try again.",
    "invalid-request",
  ],
  ["There is nothing available to cache.", "invalid-request"],
  [
    "Expected toolResult blocks at messages.2.content for the following Ids: tooluse_1",
    "invalid-request",
  ],
  [
    "The text field in the ContentBlock object at messages.7.content.0 is blank. Add text to the text field, and try again.",
    "invalid-request",
  ],
  [
    "The json schema definition at toolConfig.tools.1.toolSpec.inputSchema is invalid. Fix the following errors and try again: $.properties: null found, object expected",
    "invalid-request",
  ],
];

/** They name what other texts refuse, or quote somebody who does. */
const nearMisses: readonly Row[] = [
  [
    "The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.",
    "invalid-request",
  ],
  [
    "1 validation error detected: Value 'prompt is too long: 9 tokens > 8 maximum' at 'messages.1.member.content' failed to satisfy constraint: Member must have length less than or equal to 4",
    "invalid-request",
  ],
  [
    'The text "The customer says: this model doesn\'t support tool use. Why?" at messages.0 is not allowed.',
    "invalid-request",
  ],
  [
    "The text \u201cInput is too long for requested model.\u201d is not allowed.",
    "invalid-request",
  ],
  ["The prompt is too long-winded for this guardrail.", "invalid-request"],
  [
    "The toolChoice tool name toolChoice does not match any of the tools in toolConfig.tools.",
    "invalid-request",
  ],
  ["The document schema at messages.0.content.1 is empty.", "invalid-request"],
  ["Range of input length should be [1, 64]", "invalid-request"],
];

describe("A text of the service is read as a whole", () => {
  test.each(overflows)(
    "%s → context-overflow",
    async (message, model = Model.CLAUDE_HAIKU_4_5) => {
      for (const error of await errorsOf(
        { error: "ValidationException", message },
        model,
      ))
        expect(error).toMatchObject({
          reason: "context-overflow",
          retryable: false,
          billed: "none",
        });
    },
  );

  test.each([...capabilities, ...others, ...nearMisses])(
    "%s → %s",
    async (message, reason) => {
      for (const error of await errorsOf({
        error: "ValidationException",
        message,
      }))
        expect(error).toMatchObject({ reason, retryable: false });
    },
  );

  test.each([
    `This model doesn't support tool use, whatever the Region and the profile, and that's all.`,
    `It is about "tools" (${"see the manual, ".repeat(40)}). This model doesn't support tool use.`,
  ])(
    "before anything of it is masked or cut for a log: %s",
    async (message) => {
      const [error] = await errorsOf({ error: "ValidationException", message });
      expect(error?.reason).toBe("capability");
      expect(error?.serviceMessage).not.toContain("tool use");
    },
  );

  test("also what it says after a quotation of the same words", async () => {
    const [error] = await errorsOf({
      error: "ValidationException",
      message:
        'The text "prompt is too long: why?" is in it. Anyway, prompt is too long: 9 tokens > 8 maximum',
    });
    expect(error?.reason).toBe("context-overflow");
  });

  test("also where another service's error is put around it", async () => {
    const [error] = await errorsOf({
      error: "ValidationException",
      message: '{"message":"prompt is too long: 9 tokens > 8 maximum"}',
    });
    expect(error?.reason).toBe("context-overflow");
  });

  test.each<readonly [Fault, reason: string, retryable: boolean]>([
    [
      {
        error: "ThrottlingException",
        message: "Too many tokens, please wait before trying again.",
      },
      "throttled",
      true,
    ],
    [
      {
        error: "ThrottlingException",
        message: "Too many requests, please wait before trying again.",
      },
      "throttled",
      true,
    ],
    [
      {
        error: "ThrottlingException",
        message: "Too many tokens per day, please wait before trying again.",
      },
      "quota",
      false,
    ],
    [
      {
        error: "ValidationException",
        message: "Too many tokens, please wait before trying again.",
      },
      "throttled",
      true,
    ],
    [
      {
        error: "ResourceNotFoundException",
        message:
          "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 15 days. Please upgrade to an active model on Amazon Bedrock",
      },
      "model-retired",
      false,
    ],
    [
      {
        error: "AccessDeniedException",
        message:
          "You invoked an unsupported model or your request did not allow prompt caching.",
      },
      "capability",
      false,
    ],
  ])("%j → %s, retryable %s", async (fault, reason, retryable) => {
    for (const error of await errorsOf(fault))
      expect(error).toMatchObject({ reason, retryable });
  });

  test("which a model sends that has refused the request itself", async () => {
    const message =
      "The model returned the following errors: prompt is too long: 9 tokens > 8 maximum";
    const [refused] = await errorsOf({
      error: "ModelErrorException",
      originalStatusCode: 400,
      message,
    });
    expect(refused).toMatchObject({
      reason: "context-overflow",
      retryable: false,
      billed: "unknown",
    });
    const [failed] = await errorsOf({
      error: "ModelErrorException",
      originalStatusCode: 500,
      message,
    });
    expect(failed).toMatchObject({ reason: "model-failed", retryable: true });
  });
});
