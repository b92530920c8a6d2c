import type { FailureReason, OutputMode } from "@lambdallm/core";
import type { ModelFailure } from "@lambdallm/core/feature";

export interface Verdict {
  readonly reason: FailureReason;
  readonly retryable?: boolean;
  readonly billed?: NonNullable<ModelFailure["billed"]>;
  /** What the error's message says, where the reason alone says too little. */
  readonly hint?: string;
}

/** Which ways to an answer in a shape a text refuses, and for what: the model, this schema, or this request only. */
export interface Refusal {
  readonly modes: readonly OutputMode[];
  readonly scope: "model" | "schema" | "request";
  /** The place of the tool that it speaks of, in the list of tools as it was sent. */
  readonly toolIndex?: number;
}

/** What an error of the service means, by its name, its status and the whole of its text. */
export interface Reading extends Verdict {
  readonly refuses?: Refusal;
}

export const throttled: Verdict = { reason: "throttled", retryable: true };
const quota: Verdict = { reason: "quota" };
export const unavailable: Verdict = { reason: "unavailable", retryable: true };
const connection: Verdict = { reason: "connection", retryable: true };
const credentials: Verdict = { reason: "credentials" };
const accessDenied: Verdict = { reason: "access-denied" };
const invalidRequest: Verdict = { reason: "invalid-request" };
const notFound: Verdict = { reason: "model-not-found" };
const retired: Verdict = { reason: "model-retired" };
const overflow: Verdict = { reason: "context-overflow" };
const capability: Verdict = { reason: "capability" };
export const modelFailed: Verdict = {
  reason: "model-failed",
  retryable: true,
  billed: "unknown",
};
/** The next request is signed with the right time: the SDK has learnt it from the answer, or the machine is awake again. */
export const clock: Verdict = {
  ...unavailable,
  hint: "got a request whose signature was out of date: the machine was frozen, or its clock is wrong",
};

/** By the service's name of the error. The names in one group mean the same. */
const NAMES: readonly (readonly [Verdict, names: string])[] = [
  [
    throttled,
    // Bedrock's own, and what the AWS SDK takes for throttling (@smithy/core, service-error-classification).
    `ThrottlingException TooManyRequestsException BandwidthLimitExceeded EC2ThrottledException LimitExceededException
    PriorRequestNotComplete ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled
    RequestThrottledException SlowDown ThrottledException Throttling TransactionInProgressException`,
  ],
  [
    unavailable,
    `ModelNotReadyException InternalServerException InternalFailure ServiceUnavailableException RequestTimeout
    RequestTimeoutException`,
  ],
  [
    modelFailed,
    "ModelTimeoutException ModelErrorException ModelStreamErrorException",
  ],
  [
    invalidRequest,
    "ValidationException SerializationException ConflictException",
  ],
  [quota, "ServiceQuotaExceededException"],
  [accessDenied, "AccessDeniedException"],
  [notFound, "ResourceNotFoundException"],
  [
    credentials,
    `ExpiredTokenException UnrecognizedClientException InvalidSignatureException IncompleteSignatureException
    MissingAuthenticationTokenException SignatureDoesNotMatch AuthFailure CredentialsProviderError TokenProviderError`,
  ],
  [clock, "RequestExpired RequestInTheFuture RequestTimeTooSkewed"],
  [
    { reason: "interrupted", retryable: true, billed: "unknown" },
    "IncompleteAnswer",
  ],
  [{ ...connection, billed: "unknown" }, "TimeoutError"],
  [{ reason: "aborted", billed: "unknown" }, "AbortError"],
];

export const BY_NAME: ReadonlyMap<string, Verdict> = new Map(
  NAMES.flatMap(([verdict, names]) =>
    names.split(/\s+/).map((name) => [name, verdict] as const),
  ),
);

export interface Wording {
  /** In the service's own words; what it quotes of the request is not looked at. */
  readonly text: RegExp;
  readonly verdict: Verdict;
  /** The model ids whose errors are worded so, where others could mean something else by it. */
  readonly family?: RegExp;
  /** Verdicts by name that the text makes more precise. @default those of a request that was refused */
  readonly of?: readonly FailureReason[];
  readonly refuses?: Refusal;
}

export const REFUSED: readonly FailureReason[] = [
  "access-denied",
  "invalid-request",
  "model-not-found",
];

const TOOLS: readonly OutputMode[] = ["tool", "auto-tool"];
const nativeOfModel: Refusal = { modes: ["native"], scope: "model" };
const nativeOfSchema: Refusal = { modes: ["native"], scope: "schema" };
const toolsOfModel: Refusal = { modes: TOOLS, scope: "model" };
const toolsOfSchema: Refusal = { modes: TOOLS, scope: "schema" };
const forcedOfModel: Refusal = { modes: ["tool"], scope: "model" };
const forcedOfRequest: Refusal = { modes: ["tool"], scope: "request" };

/**
 * What the text of an error says more precisely than its name. The first row that matches decides, on the whole text. Where a
 * text was reported is named as `project number`, an issue or pull request of that project; those without are AWS's and the
 * vendors' documentation.
 */
export const WORDINGS: readonly Wording[] = [
  // --- Quota. "Too many tokens" is not about the length of a prompt here.
  {
    text: /too many (?:tokens|requests) per day/i,
    verdict: quota,
    of: [...REFUSED, "throttled"],
  },
  {
    text: /too many (?:tokens|requests|connections), please wait/i,
    verdict: throttled,
    of: [...REFUSED, "throttled"],
  },

  // --- The clock. aws-sdk-js-v3 7605, aws-sdk-js 1652: the first call after a thaw, or a clock that is wrong
  {
    text: /signature expired|signature not yet current/i,
    verdict: clock,
    of: ["credentials"],
  },

  // --- The model.
  { text: /reached the end of its life/i, verdict: retired },
  // llmeter 35: closed to accounts that have not called it for 15 days
  { text: /this model is marked by provider as legacy/i, verdict: retired },
  {
    text: /use case details have not been submitted/i,
    verdict: accessDenied,
  },
  { text: /provided model identifier is invalid/i, verdict: notFound },
  // strands 38; kai 411 for the second form
  {
    text: /on-demand throughput isn.t supported|doesn.t support on-demand throughput/i,
    verdict: notFound,
  },

  // --- The context is too small, in the words of whoever serves the model.
  // Claude: strands 3969, 1663, 152; the last one for requests of many megabytes
  {
    text: /input length and `?max_tokens`? exceed (?:the )?context limit/i,
    verdict: overflow,
  },
  { text: /\bprompt is too long(?:[:.,]|$)/i, verdict: overflow },
  { text: /too many total text bytes/i, verdict: overflow },
  // Bedrock itself
  {
    text: /\binput is too long(?: for (?:the )?requested model)?(?:[:.,]|$)/i,
    verdict: overflow,
  },
  // Llama, GLM, MiniMax, Qwen, DeepSeek (vLLM): strands 3969
  {
    text: /\bmaximum context length (?:is|of)(?: only)? [\d,]+ tokens/i,
    verdict: overflow,
  },
  // SGLang and TensorRT in front of the same models
  {
    text: /is longer than the (?:model.s context length|maximum model length)|exceeds? the (?:model.s )?(?:maximum )?context (?:length|limit|window|size)/i,
    verdict: overflow,
  },
  // Mistral
  {
    text: /prompt contains [\d,]+ tokens\b[^.]*\btoo large for model with [\d,]+ maximum context length/i,
    verdict: overflow,
  },
  // Nova
  {
    text: /\binput tokens exceeded\b|number of input tokens exceeds (?:the )?maximum/i,
    verdict: overflow,
  },
  // Titan, and Titan's limit in characters
  {
    text: /too many input tokens\. max input tokens: \d+/i,
    verdict: overflow,
  },
  {
    text: /malformed input request: expected maxLength: \d+, actual: \d+/i,
    verdict: overflow,
  },
  // GPT, MiniMax, Kimi, Grok, Gemma, GLM
  {
    text: /\bcontext_length_exceeded\b|\bcontext window exceeds limit\b|\bexceeded model token limit: \d+|\bmaximum prompt length is [\d,]+|\binput token count\b[^.]*\bexceeds the maximum number of tokens|\bmodel_context_window_exceeded\b/i,
    verdict: overflow,
  },
  // From another model these could be about a field of the request.
  {
    text: /range of input length should be \[/i,
    verdict: overflow,
    family: /qwen/,
  },
  {
    text: /too many tokens: (?:size limit exceeded|total number of tokens)/i,
    verdict: overflow,
    family: /cohere/,
  },

  // --- JSON that the service constrains. The model has none: litellm 27846, lgtmaybe 536
  {
    text: /(?<![\w.])output_?config(?:\.format)?: extra inputs are not permitted/i,
    verdict: capability,
    refuses: nativeOfModel,
  },
  {
    text: /extraneous key \[output_?config\] is not permitted/i,
    verdict: capability,
    refuses: nativeOfModel,
  },
  {
    text: /\bmodel (?:doesn.t|does not) support (?:the )?(?:['"`]?outputConfig\b(?!\.(?!textFormat))|structured outputs?\b)|structured outputs? (?:is|are) not supported/i,
    verdict: capability,
    refuses: nativeOfModel,
  },
  // Or it has, and this schema is too much for it: litellm 37881, openstory 1410, vercel/ai 17268, anthropic-sdk-python 1185
  {
    text: /(?<![\w.])output_?(?:config\.)?format\.(?:schema\b|\S+: extra inputs are not permitted)|\boutputConfig\.textFormat\.structure\b/i,
    verdict: capability,
    refuses: nativeOfSchema,
  },
  {
    text: /\bcompiled grammar is too large|\bschema is too complex\b|\bschemas contains? too many\b|\bgrammar compilation timed out/i,
    verdict: capability,
    refuses: nativeOfSchema,
  },
  {
    text: /\bschema type '\w+' is not supported|for '\w+' type, (?:property '[^']*' is|properties [^.]* are|'[^']*' values? [^.]* are) not supported|for '\w+' type, 'additionalProperties' must be|\benum value .* does not match declared type/i,
    verdict: capability,
    refuses: nativeOfSchema,
  },

  // --- Tools. The model has none, or cannot be made to call one: strands 1241, langchain-aws 1273
  {
    text: /\bmodel (?:doesn.t|does not) support (?:tool use\b|tools\b|(?:the )?['"`]?toolConfig\b(?!\.))|\btool (?:use|calling) is not supported/i,
    verdict: capability,
    refuses: toolsOfModel,
  },
  {
    text: /\bmodel (?:doesn.t|does not) support the ['"`]?toolConfig\.toolChoice\b/i,
    verdict: capability,
    refuses: forcedOfModel,
  },
  // Its thinking excludes it, now: vercel/ai 11227, and other vendors' words for it
  {
    text: /\bthinking\b[^.]*\btool_?choice\b|\btool_?choice\b[^.]*\bthinking\b/i,
    verdict: capability,
    refuses: forcedOfRequest,
  },
  {
    text: /\btool_?choice: type\b[^.]* (?:is|are) not supported for this model/i,
    verdict: capability,
    refuses: forcedOfModel,
  },
  // A schema is refused: cua 3303, bifrost 1720, aws-sdk-net 3377
  {
    text: /\btools\.(?<tool>\d+)\.custom\.input_schema: input_schema does not support\b/i,
    verdict: capability,
    refuses: toolsOfSchema,
  },
  {
    text: /\btools\.(?<tool>\d+)\.(?:custom\.input_schema|toolSpec\.inputSchema)\b/i,
    verdict: invalidRequest,
    refuses: toolsOfSchema,
  },

  // --- What else a model does not take: settings, blocks, settings that exclude one another.
  // langchain-aws 401: DeepSeek-R1 refuses its own reasoning
  {
    text: /user messages cannot contain reasoning content/i,
    verdict: capability,
  },
  // collmbo 12
  {
    text: /pre-?filling the `?assistant`? response is not supported/i,
    verdict: capability,
  },
  // litellm 9524. That maxTokens is not above the budget of thinking (aider 3720) is wrong for every model.
  {
    text: /when thinking is enabled/i,
    verdict: capability,
  },
  {
    text: /is deprecated for this model|cannot both be specified|did not allow prompt caching/i,
    verdict: capability,
  },
  {
    text: /: extra inputs are not permitted|extraneous key \[[^\]]*\] is not permitted/i,
    verdict: capability,
  },
  {
    text: /\bmodel (?:doesn.t|does not) support\b|(?:isn.t|aren.t|(?:is|are) not) supported (?:for|by|with) this model/i,
    verdict: capability,
  },
];
