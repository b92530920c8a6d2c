import type { InvocationMetrics } from "../call/totals.ts";
import type { Message, SystemBlock } from "../contract/content.ts";
import type {
  Given,
  ModelRequest,
  ModelResponse,
  Usage,
} from "../contract/model-call.ts";
import type { InferOutput, OutputSchema } from "../schema/types.ts";
import type { ObjectStream } from "../stream/object-stream.ts";
import type { TextStream } from "../stream/text-stream.ts";
import type { VariableNames, Variables } from "./template.ts";

/** Settings of one model call. What is left out or undefined comes from the provider middleware's options. */
export interface CallOptions
  extends Given<
    Pick<
      ModelRequest,
      | "model"
      | "maxTokens"
      | "temperature"
      | "topP"
      | "stopSequences"
      | "signal"
      | "onResponse"
      | "tags"
      | "bedrock"
    >
  > {
  /** The system prompt. A blank one is none. */
  readonly system?: string | readonly SystemBlock[] | undefined;
}

/** A model call in full: messages, tools, images, documents. */
export interface ConverseRequest
  extends CallOptions,
    Given<
      Pick<
        ModelRequest,
        | "tools"
        | "toolChoice"
        | "output"
        | "deadline"
        | "onDelta"
        | "deltas"
        | "conversation"
      >
    > {
  /** May be empty only for a managed prompt with `bedrock.promptVariables`. */
  readonly messages: readonly Message[];
}

/** What a call needs of a `Prompt`: its text, and the settings that it brings. */
export interface PromptSource<Values extends object = object> {
  /** Fills the template. */
  format(variables: Values): string;
  readonly callOptions: CallOptions;
  /** Settings that give way to those of the call, of the provider middleware, and to what the model takes. */
  readonly defaults?: ModelRequest["defaults"];
}

/** Settings of `invokeStructured`. */
export interface StructuredOptions extends CallOptions {
  /** How often an answer that does not validate is sent back with what is wrong. @default 1 */
  readonly maxRepairs?: number;
}

/** No variables: an options object in their place does not compile. */
interface NoVariables {
  readonly [name: string]: never;
}

/** The arguments after a prompt: the variables that its template needs, then the options. */
export type PromptArguments<Prompt, Options = CallOptions> = Prompt extends {
  format(variables: infer Values): string;
}
  ? Record<string, never> extends Values
    ? [variables?: Values | undefined, options?: Options]
    : [variables: Values, options?: Options]
  : Prompt extends string
    ? TemplateArguments<Prompt, Options>
    : never;

type TemplateArguments<
  Template extends string,
  Options,
> = string extends Template
  ? [variables?: Variables<string> | undefined, options?: Options]
  : [VariableNames<Template>] extends [never]
    ? [variables?: NoVariables | undefined, options?: Options]
    : [variables: Variables<Template>, options?: Options];

/** What the provider middleware adds to the Lambda context; the same object is at `context.llm`. */
export interface LLMContext {
  /**
   * Calls the model and returns its text.
   *
   * An answer has room for 4,096 tokens, or the model's limit where that is smaller, unless the call, its prompt or the provider
   * middleware says otherwise with `maxTokens`: Bedrock reserves input plus `maxTokens` of the tokens per minute while a call
   * runs, and the model's maximum for a call without one. An answer that was cut comes as it is: `onResponse` and `converse`
   * show its `stopReason`, and a `hint` where the default has cut it.
   *
   * @param prompt A template: `{name}` is a variable, `{{` a brace, any other text in braces stays as it is. Values are
   * inserted once and literally.
   * @throws {ConfigurationError} A variable is missing, an option is wrong, the prompt is empty.
   * @throws {ModelInvocationError} The call failed; `reason` and `retryable` say how.
   * @throws {InvocationTimeoutError} The Lambda deadline came first.
   * @throws {GuardrailError} A guardrail or a content filter replaced the answer.
   * @example
   * const answer = await context.invoke("Summarize in {words} words:\n\n{text}", { words: 50, text });
   */
  invoke<Prompt extends string | PromptSource>(
    prompt: Prompt,
    ...rest: PromptArguments<Prompt>
  ): Promise<string>;
  /**
   * Calls the model and returns a value of the schema, validated: the service's own structured output where the model has
   * it, else a tool, else the schema in the prompt. An answer that does not validate is sent back with the errors.
   *
   * @param schema JSON Schema, the shorthand `{ field: "string" }`, or a Standard Schema that offers its JSON Schema.
   * @throws {StructuredOutputError} No answer validated; `issues` says why, `text` (not enumerable) is the last one.
   * @throws {ConfigurationError} The schema itself is invalid. Otherwise as `invoke`.
   * @example
   * const { title, tags } = await context.invokeStructured("Describe:\n{text}", { title: "string", tags: ["string"] }, { text });
   */
  invokeStructured<
    Prompt extends string | PromptSource,
    const Schema extends OutputSchema,
  >(
    prompt: Prompt,
    schema: Schema,
    ...rest: PromptArguments<Prompt, StructuredOptions>
  ): Promise<InferOutput<Schema>>;
  /** Like `invokeStructured`, but the value arrives while it is written. There is no repair once pieces were seen. */
  streamStructured<
    Prompt extends string | PromptSource,
    const Schema extends OutputSchema,
  >(
    prompt: Prompt,
    schema: Schema,
    ...rest: PromptArguments<Prompt>
  ): ObjectStream<InferOutput<Schema>>;
  /** Like `invoke`, but the text arrives while it is written. The call starts at once. */
  stream<Prompt extends string | PromptSource>(
    prompt: Prompt,
    ...rest: PromptArguments<Prompt>
  ): TextStream;
  /**
   * Sends messages, tools, images and documents, and returns the whole response whatever its `stopReason`.
   *
   * @throws {ConfigurationError | ModelInvocationError} as `invoke`.
   */
  converse(request: ConverseRequest): Promise<ModelResponse>;
  /**
   * The number of input tokens of a request as the service counts them: free of charge, nothing is generated.
   *
   * @throws {ModelInvocationError} The model does not offer it.
   */
  countTokens(request: ConverseRequest): Promise<number>;
  /** Milliseconds until Lambda's timeout; `Infinity` outside of Lambda, where the context has no `getRemainingTimeInMillis`. */
  readonly remainingTimeMs: number;
  /** Whether it is time to save the work: less than 5 s are left, or the timeout guard's `bufferMs`. */
  readonly shouldCheckpoint: boolean;
  /** USD spent on model calls so far; undefined once a call was made whose price is unknown. */
  readonly totalCostUsd: number | undefined;
  /** Alias of `totalCostUsd`. */
  readonly totalCost: number | undefined;
  /** Tokens used so far. */
  readonly usage: Usage;
  readonly metrics: InvocationMetrics;
  /** The AWS client in use. */
  getRawClient(service?: string): unknown;
}
