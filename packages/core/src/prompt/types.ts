import type {
  CallOptions,
  PromptSource,
  StructuredOptions,
} from "../context/llm-context.ts";
import type { VariableNames, Variables } from "../context/template.ts";
import type {
  InferOutput,
  JsonSchema,
  OutputSchema,
  Shorthand,
} from "../schema/types.ts";

/** What the variables of a prompt can be declared with. */
export type InputSchema = JsonSchema | Shorthand;

export interface PromptOptions<
  Template extends string = string,
  Input extends InputSchema | undefined = InputSchema | undefined,
  Output extends OutputSchema | undefined = OutputSchema | undefined,
> {
  /** `{name}` is a variable, `{{` a brace, any other text in braces stays as it is. */
  readonly template: Template;
  /**
   * The variables: JSON Schema of an object, or the shorthand `{ text: "string", words: "integer?" }`. An optional one that
   * is not given is inserted as its `default`, else as nothing.
   */
  readonly inputSchema?: Input;
  /** With it, `invoke` returns a validated value in place of text. */
  readonly outputSchema?: Output;
  /** Sent as it is: it has no variables, so that values from outside never become instructions, and it can be cached. */
  readonly systemPrompt?: string;
  /** @default the provider middleware's */
  readonly model?: string;
  /** @default 1024, which gives way: to the options of the provider middleware and to what a model may think */
  readonly maxTokens?: number;
  /** @default 0.7, which gives way: to the options of the provider middleware and where a model takes none */
  readonly temperature?: number;
  /** Travels with the version to logs, spans, metrics and Bedrock's request metadata. */
  readonly name?: string;
  /** @default "1.0.0" */
  readonly version?: string;
}

/** A prompt as plain data, without the defaults that nobody chose. A Standard Schema is written as its JSON Schema. */
export interface PromptJSON {
  readonly template: string;
  readonly inputSchema?: InputSchema;
  readonly outputSchema?: object;
  readonly systemPrompt?: string;
  readonly model?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly name?: string;
  readonly version: string;
}

/** The part of the Lambda context that a prompt needs. */
export interface PromptContext {
  invoke(
    prompt: PromptSource,
    variables: object,
    options?: CallOptions,
  ): Promise<string>;
  invokeStructured(
    prompt: PromptSource,
    schema: OutputSchema,
    variables: object,
    options?: StructuredOptions,
  ): Promise<unknown>;
}

/** Read-only at any depth, so that constants can be given. */
type Given<T> = T extends object
  ? { readonly [Key in keyof T]: Given<T[Key]> }
  : T;

/** An optional variable may be undefined as well. */
type GivenVariables<T extends object> = {
  readonly [Key in keyof T]: object extends Pick<T, Key>
    ? Given<T[Key]> | undefined
    : Given<T[Key]>;
};

type VariablesOfTemplate<Template extends string> = string extends Template
  ? Variables<string>
  : [VariableNames<Template>] extends [never]
    ? { readonly [name: string]: never }
    : Variables<Template>;

type VariablesOfSchema<Inferred> = unknown extends Inferred
  ? Variables<string>
  : Inferred extends object
    ? GivenVariables<Inferred>
    : Variables<string>;

/** The variables of a prompt: as the input schema says when it is a literal, else as the template does. */
export type PromptVariables<
  Template extends string,
  Input extends InputSchema | undefined,
> = [Input] extends [undefined]
  ? VariablesOfTemplate<Template>
  : undefined extends Input
    ? Variables<string>
    : VariablesOfSchema<InferOutput<Input>>;

/** What `invoke` returns: text, or what the output schema says. */
export type PromptResult<Output extends OutputSchema | undefined> = [
  Output,
] extends [undefined]
  ? string
  : undefined extends Output
    ? unknown
    : InferOutput<Output>;

/** The arguments after the context: options never take the place of variables. */
export type PromptInvokeArguments<Values extends object> =
  Record<never, never> extends Values
    ? [variables?: Values | undefined, options?: StructuredOptions]
    : [variables: Values, options?: StructuredOptions];
