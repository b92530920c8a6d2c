import { answerState } from "../call/stop-reasons.ts";
import { addUsage } from "../call/totals.ts";
import { StructuredOutputError } from "../contract/errors.ts";
import { isManagedPrompt } from "../contract/managed-prompt.ts";
import {
  type CallModel,
  type ModelRequest,
  type ModelResponse,
  type Usage,
  ZERO_USAGE,
} from "../contract/model-call.ts";
import { findModel } from "../models/catalog.ts";
import { largestMaxTokens, maxTokensOf } from "../models/max-tokens.ts";
import { thinkingOf } from "../models/thinking.ts";
import { extractJson } from "../schema/extract-json.ts";
import { PartialJson } from "../schema/partial-json.ts";
import { toJsonSchema } from "../schema/to-json-schema.ts";
import type { OutputSchema } from "../schema/types.ts";
import { compileValidator } from "../schema/validate.ts";
import { watching } from "../stream/watching.ts";

type Verdict =
  | { readonly value: unknown }
  | { readonly issues: readonly string[] };

/** How much more room an answer that was cut gets, when the model has it. */
const MORE_ROOM = 4;

/**
 * Asks for a value of the schema until one validates: an answer that does not is sent back with what is wrong, at most
 * `maxRepairs` times, and one that was cut is asked for again with more room, once.
 *
 * @throws {StructuredOutputError}
 */
export async function callForValue(
  call: CallModel,
  request: ModelRequest,
  schema: OutputSchema,
  maxRepairs: number,
): Promise<unknown> {
  const asked = await AskedValue.of(schema);
  let current = asked.request(request);
  let usage: Usage = ZERO_USAGE;
  let repairs = 0;
  let grown = false;
  for (let attempts = 1; ; attempts++) {
    const response = await call(current);
    usage = addUsage(usage, response.usage);
    const verdict = await asked.judge(response);
    if ("value" in verdict) return verdict.value;
    const fail = () => failure(verdict.issues, response, attempts, usage);
    if (answerState(response) === "cut") {
      const roomier = grown ? undefined : withMoreRoom(current, response);
      if (roomier === undefined) throw fail();
      grown = true;
      current = roomier;
    } else {
      if (repairs >= maxRepairs) throw fail();
      repairs += 1;
      current = repaired(current, response, verdict.issues);
    }
  }
}

/** Asks once, and shows the value while it grows. */
export async function streamValue(
  call: CallModel,
  request: ModelRequest,
  schema: OutputSchema,
  show: (read: () => unknown) => void,
): Promise<{ readonly response: ModelResponse; readonly value: unknown }> {
  const asked = await AskedValue.of(schema);
  const partial = new PartialJson();
  const response = await call({
    ...asked.request(request),
    ...watching("output", ({ text }) => {
      partial.push(text);
      if (partial.hasValue) show(() => partial.value);
    }),
  });
  const verdict = await asked.judge(response);
  if ("value" in verdict) return { response, value: verdict.value };
  throw failure(verdict.issues, response, 1, response.usage);
}

/** A schema with what asks for a value of it, and what judges an answer. */
class AskedValue {
  readonly #json: object;
  readonly #validate: (value: unknown) => Promise<Verdict>;

  private constructor(
    json: object,
    validate: (value: unknown) => Promise<Verdict>,
  ) {
    this.#json = json;
    this.#validate = validate;
  }

  static async of(schema: OutputSchema): Promise<AskedValue> {
    const normalized = toJsonSchema(schema);
    return new AskedValue(normalized.json, await compileValidator(normalized));
  }

  request(request: ModelRequest): ModelRequest {
    return { ...request, output: { schema: this.#json } };
  }

  async judge(response: ModelResponse): Promise<Verdict> {
    // What a cut answer would parse to is not what the model meant.
    if (answerState(response) === "cut")
      return { issues: ["the answer was cut"] };
    // A provider that knows nothing of `output` may answer with JSON all the same.
    const found = response.output ?? extractJson(response.text) ?? {};
    if ("value" in found) return this.#validate(found.value);
    const said = saidIn(response).trim() === "" ? "is empty" : "is not JSON";
    return { issues: [`the answer ${said}`] };
  }
}

/** What the model answered, as text. */
function saidIn({ output, text }: ModelResponse): string {
  const value = output !== undefined && !("text" in output);
  return value ? JSON.stringify(output.value) : text;
}

/**
 * The same request with more room for its answer; undefined when the model has no more. Where nobody has chosen `maxTokens`, it
 * is a larger default, so that an answer which is cut again says so.
 */
function withMoreRoom(
  request: ModelRequest,
  { model, region, usage }: ModelResponse,
): ModelRequest | undefined {
  // It says itself how long its answers may be.
  if (isManagedPrompt(request.model)) return undefined;
  const info = findModel(model, { region });
  const sent = maxTokensOf(request, info);
  const isDefault = request.maxTokens === undefined;
  // A provider may know nothing of the default.
  const before = isDefault ? Math.max(sent, usage.outputTokens) : sent;
  const maxTokens = Math.min(before * MORE_ROOM, largestMaxTokens(info));
  if (maxTokens <= before) return undefined;
  if (!isDefault) return { ...request, maxTokens };
  // What a model may think comes on top of a default.
  const { budgetTokens = 0 } = thinkingOf(request) ?? {};
  const defaults = { ...request.defaults, maxTokens: maxTokens - budgetTokens };
  return { ...request, defaults };
}

/** The conversation goes on in plain text, which any model understands that a router or a fallback may choose. */
function repaired(
  request: ModelRequest,
  response: ModelResponse,
  issues: readonly string[],
): ModelRequest {
  const said = saidIn(response);
  const complaint = `That is not a valid answer:\n${issues.map((issue) => `- ${issue}`).join("\n")}\nGive the whole answer again, corrected.`;
  return {
    ...request,
    messages: [
      ...request.messages,
      {
        role: "assistant",
        content: [{ text: said.trim() === "" ? "(no answer)" : said }],
      },
      { role: "user", content: [{ text: complaint }] },
    ],
  };
}

function failure(
  issues: readonly string[],
  response: ModelResponse,
  attempts: number,
  usage: Usage,
): StructuredOutputError {
  return new StructuredOutputError(
    answerState(response) === "cut"
      ? "The model's answer was cut before it was complete: give it more maxTokens, or ask for less."
      : `The model's answer does not match the schema after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}.`,
    { issues, attempts, usage, text: saidIn(response) },
  );
}
