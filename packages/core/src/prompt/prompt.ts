import { inOption } from "../checks/in-option.ts";
import { isObject } from "../checks/is-object.ts";
import { check, validateOptions } from "../checks/options.ts";
import { reasonOf } from "../checks/reason-of.ts";
import type {
  CallOptions,
  PromptSource,
  StructuredOptions,
} from "../context/llm-context.ts";
import { callOptionChecks } from "../context/requests.ts";
import {
  formatTemplate,
  type Variables,
  variablesOf,
} from "../context/template.ts";
import { ConfigurationError } from "../contract/errors.ts";
import { toJsonSchema } from "../schema/to-json-schema.ts";
import type { OutputSchema } from "../schema/types.ts";
import { Inputs } from "./inputs.ts";
import { readYAML } from "./read-yaml.ts";
import type {
  InputSchema,
  PromptContext,
  PromptInvokeArguments,
  PromptJSON,
  PromptOptions,
  PromptResult,
  PromptVariables,
} from "./types.ts";

/**
 * A template with its schemas and settings. It does not change: another one is made with `Prompt.fromJSON({ ...prompt.toJSON(),
 * temperature: 0 })`.
 */
export interface Prompt<
  Values extends object = Variables<string>,
  Result = unknown,
> extends PromptSource<Values> {
  readonly template: string;
  readonly inputSchema: InputSchema | undefined;
  readonly outputSchema: OutputSchema | undefined;
  readonly systemPrompt: string | undefined;
  readonly model: string | undefined;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly name: string | undefined;
  readonly version: string;
  /** The settings of a call, with the name and the version as tags when there is a name. */
  readonly callOptions: CallOptions;
  /** Those of 1024 tokens and a temperature of 0.7 that the prompt does not set itself. */
  readonly defaults: NonNullable<PromptSource["defaults"]>;
  /**
   * Fills the template. Values are inserted once and literally.
   *
   * @throws {ConfigurationError} naming the variable that is missing or has the wrong type, not its value. Of a JSON Schema
   * the `type`, `enum` and `required` of the variables themselves are checked; `invoke` checks all of it.
   */
  format(variables: Values): string;
  /**
   * Calls the model and returns its text, or a validated value when there is an `outputSchema`.
   *
   * @param context The handler's context.
   * @throws as `context.invoke`, or as `context.invokeStructured` when there is an `outputSchema`.
   */
  invoke(
    context: PromptContext,
    ...rest: PromptInvokeArguments<Values>
  ): Promise<Result>;
  /** The prompt as plain data, which `Prompt.fromJSON` reads. */
  toJSON(): PromptJSON;
}

export interface PromptConstructor {
  /**
   * @throws {ConfigurationError} An option is wrong, or the template and the input schema do not fit each other.
   * @example
   * const summarize = new Prompt({
   *   template: "Summarize in {words} words:\n\n{text}",
   *   inputSchema: { words: "integer", text: "string" },
   *   outputSchema: { summary: "string", keyPoints: ["string"] },
   *   name: "summarize",
   * });
   * const { summary } = await summarize.invoke(context, { words: 50, text });
   */
  new <
    const Template extends string,
    const Input extends InputSchema | undefined = undefined,
    const Output extends OutputSchema | undefined = undefined,
  >(
    options: PromptOptions<Template, Input, Output>,
  ): Prompt<PromptVariables<Template, Input>, PromptResult<Output>>;
  readonly prototype: Prompt;
  /**
   * Reads what `toJSON` wrote, or the same with names in snake_case (`input_schema`, `max_tokens`); null is "not given".
   *
   * @typeParam Values The variables; the compiler takes your word, and they are checked when the prompt is used.
   * @typeParam Result What `invoke` returns; the compiler takes your word.
   * @throws {ConfigurationError} naming the option that is wrong or does not exist.
   */
  fromJSON<Values extends object = Variables<string>, Result = unknown>(
    json: unknown,
  ): Prompt<Values, Result>;
  /**
   * Reads a YAML file with the options of a prompt, in camelCase or snake_case.
   *
   * @throws {ConfigurationError} naming the file, and the line when it is not YAML.
   * @example
   * const classify = await Prompt.fromYAML<{ text: string }, { label: string }>("prompts/classify.yaml");
   */
  fromYAML<Values extends object = Variables<string>, Result = unknown>(
    path: string | URL,
  ): Promise<Prompt<Values, Result>>;
}

const schema = check.object;
const { model, maxTokens, temperature } = callOptionChecks;

const checks = {
  template: check.text,
  inputSchema: schema,
  // A schema of arktype is a function; toJsonSchema says what else is wrong.
  outputSchema: () => undefined,
  systemPrompt: check.text,
  model,
  maxTokens,
  temperature,
  name: check.text,
  version: check.text,
} as const;

const REFERENCE_NAMES: ReadonlyMap<string, string> = new Map([
  ["input_schema", "inputSchema"],
  ["output_schema", "outputSchema"],
  ["system_prompt", "systemPrompt"],
  ["max_tokens", "maxTokens"],
]);

class PromptTemplate<Result> implements Prompt<object, Result> {
  readonly template: string;
  readonly inputSchema: InputSchema | undefined;
  readonly outputSchema: OutputSchema | undefined;
  readonly systemPrompt: string | undefined;
  readonly model: string | undefined;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly name: string | undefined;
  readonly version: string;
  readonly callOptions: CallOptions;
  readonly defaults: NonNullable<PromptSource["defaults"]>;
  readonly #inputs: Inputs | undefined;

  constructor(options: PromptOptions) {
    validateOptions("Prompt", checks, options);
    if (options.template === undefined)
      throw new ConfigurationError(
        'Prompt: the option "template" must be a non-empty string.',
      );
    this.template = options.template;
    this.systemPrompt = options.systemPrompt;
    this.model = options.model;
    this.defaults = defaultsBeside(options);
    this.maxTokens = options.maxTokens ?? DEFAULTS.maxTokens;
    this.temperature = options.temperature ?? DEFAULTS.temperature;
    this.name = options.name;
    this.version = options.version ?? "1.0.0";
    const owner = this.name === undefined ? "Prompt" : `Prompt "${this.name}"`;
    this.inputSchema = ownSchema(owner, "inputSchema", options.inputSchema);
    this.outputSchema = ownSchema(owner, "outputSchema", options.outputSchema);
    this.callOptions = callOptionsOf(this.toJSON());
    const used = variablesOf(this.template);
    if (this.inputSchema !== undefined) {
      this.#inputs = new Inputs(owner, inputJson(owner, this.inputSchema));
      this.#inputs.checkTemplate(used);
    }
    for (const name of variablesOf(this.systemPrompt ?? ""))
      if (used.has(name) || this.#inputs?.has(name))
        throw new ConfigurationError(
          `${owner}: the systemPrompt contains {${name}}, but is sent as it is. Use the variable in the template.`,
        );
    Object.freeze(this);
  }

  static fromJSON<Result>(json: unknown): Prompt<object, Result> {
    if (!isObject(json))
      throw new ConfigurationError(
        'Prompt: what it is read from must be an object with a "template".',
      );
    const options = new Map<string, unknown>();
    for (const [given, value] of Object.entries(json)) {
      if (value === null) continue;
      const name = REFERENCE_NAMES.get(given) ?? given;
      if (options.has(name))
        throw new ConfigurationError(
          `Prompt: the option "${name}" is there twice, in camelCase and in snake_case.`,
        );
      options.set(name, value);
    }
    // The constructor checks every option. Object.fromEntries: __proto__ is a name like any other, and refused.
    return new PromptTemplate(
      Object.fromEntries(options) as unknown as PromptOptions,
    );
  }

  static async fromYAML<Result>(
    path: string | URL,
  ): Promise<Prompt<object, Result>> {
    const json = await readYAML(path);
    try {
      return PromptTemplate.fromJSON(json);
    } catch (cause) {
      throw new ConfigurationError(`${path}: ${reasonOf(cause)}`, { cause });
    }
  }

  // Callers without types leave them out.
  format(variables?: object): string {
    const given = variables ?? {};
    return formatTemplate(
      this.template,
      this.#inputs === undefined ? given : this.#inputs.take(given).inserted,
    );
  }

  async invoke(
    context: PromptContext,
    variables: object = {},
    options?: StructuredOptions,
  ): Promise<Result> {
    await this.#inputs?.validate(variables);
    const result =
      this.outputSchema === undefined
        ? await context.invoke(this, variables, options)
        : await context.invokeStructured(
            this,
            this.outputSchema,
            variables,
            options,
          );
    // The type follows from the schema, which the context has validated against.
    return result as Result;
  }

  toJSON(): PromptJSON {
    const { template, inputSchema, outputSchema, defaults, version } = this;
    return {
      template,
      ...(inputSchema && { inputSchema }),
      ...(outputSchema && { outputSchema: plainSchema(outputSchema) }),
      ...(this.systemPrompt && { systemPrompt: this.systemPrompt }),
      ...(this.model && { model: this.model }),
      ...(defaults.maxTokens === undefined && { maxTokens: this.maxTokens }),
      ...(defaults.temperature === undefined && {
        temperature: this.temperature,
      }),
      ...(this.name && { name: this.name }),
      version,
    };
  }
}

/** Those of the Python library, which this one succeeds. */
const DEFAULTS = { maxTokens: 1_024, temperature: 0.7 } as const;

function defaultsBeside(given: PromptOptions): Prompt["defaults"] {
  return Object.freeze({
    ...(given.maxTokens === undefined && { maxTokens: DEFAULTS.maxTokens }),
    ...(given.temperature === undefined && {
      temperature: DEFAULTS.temperature,
    }),
  });
}

function callOptionsOf(prompt: Omit<PromptJSON, "template">): CallOptions {
  const { model, maxTokens, temperature, systemPrompt, name, version } = prompt;
  return Object.freeze({
    ...(model && { model }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(systemPrompt && { system: systemPrompt }),
    ...(name && {
      tags: Object.freeze({ "prompt.name": name, "prompt.version": version }),
    }),
  });
}

/** A frozen copy of plain data; a library's schema is kept as it is. */
function ownSchema<Schema extends OutputSchema>(
  owner: string,
  option: string,
  given: Schema | undefined,
): Schema | undefined {
  if (given === undefined) return undefined;
  return inOption(owner, option, () =>
    toJsonSchema(given).standard === undefined
      ? JSON.parse(JSON.stringify(given), (_name, value) =>
          Object.freeze(value),
        )
      : given,
  );
}

/** Other variables than the declared ones are not used: a shorthand does not refuse them. */
function inputJson(owner: string, given: InputSchema) {
  const { json, standard } = toJsonSchema(given);
  if (standard !== undefined)
    throw new ConfigurationError(
      `${owner}: the inputSchema must be a JSON Schema or a shorthand; only an outputSchema can be one of a library.`,
    );
  if (json === given) return json;
  const { additionalProperties: _, ...open } = json;
  return open;
}

function plainSchema(given: OutputSchema): object {
  const { json, standard } = toJsonSchema(given);
  return standard === undefined ? given : json;
}

/** Its construct signature infers the types that an instance has; those of a class cannot be computed from its options. */
export const Prompt: PromptConstructor = PromptTemplate;
Object.defineProperty(Prompt, "name", { value: "Prompt" });
