import { describe, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  type ConverseRequest,
  Model,
} from "@lambdallm/core";
import router, { type RouteCircumstances } from "@lambdallm/router";
import fc from "fast-check";
import { asking, IMAGE, TOOL } from "./support.ts";

const MODEL = Model.NOVA_LITE;

const routing = (when: string) =>
  router({ models: [MODEL], rules: [{ when, model: "acme.other" }] });

type Known = number | string | boolean | undefined;

/** A value that a rule can have in it: how it may be written, and what it stands for. */
interface Operand {
  readonly text: string;
  readonly valueIn: (world: World) => Known;
}

type Expression =
  | { readonly kind: "fact"; readonly operand: Operand }
  | {
      readonly kind: "comparison";
      readonly left: Operand;
      readonly operator: string;
      readonly right: Operand;
    }
  | { readonly kind: "not"; readonly word: string; readonly of: Expression }
  | {
      readonly kind: "and" | "or";
      readonly word: string;
      readonly parts: readonly Expression[];
    };

/** What a request and its circumstances come down to, by the names of the facts. */
type World = Readonly<Record<string, Known>>;

const camelCase = (name: string) =>
  name.replace(/_([a-z])/g, (_match, letter) => letter.toUpperCase());

const fact = (...names: readonly string[]): fc.Arbitrary<Operand> =>
  fc.tuple(fc.constantFrom(...names), fc.boolean()).map(([name, snake]) => ({
    text: snake || name.startsWith("tags.") ? name : camelCase(name),
    valueIn: (world) => world[name],
  }));

const numberLiteral = fc
  .oneof(
    fc.integer({ min: -2_000, max: 2_000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  .map((value): Operand => ({ text: String(value), valueIn: () => value }));

/** Texts that have to be escaped. */
const ODD = ["'", '"', "\\"];

const textLiteral = fc
  .tuple(
    fc.oneof(
      fc.constantFrom("gold", "free", "", ...ODD),
      fc.string({ maxLength: 8, unit: "binary" }),
      fc.string({ maxLength: 5, unit: fc.constantFrom("'", '"', "\\", " ") }),
    ),
    fc.constantFrom('"', "'"),
  )
  .map(
    ([value, quote]): Operand => ({
      text:
        quote +
        value.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`) +
        quote,
      valueIn: () => value,
    }),
  );

const numbers = fc.oneof(
  fact(
    "input_tokens",
    "max_tokens",
    "budget_share_left",
    "budget_consumed",
    "remaining_time_ms",
  ),
  numberLiteral,
);
const texts = fc.oneof(
  fact("tags.plan", "tags.team-1", "tags.none"),
  textLiteral,
);
const flags = fc.oneof(
  fact("has_tools", "has_images", "is_streaming"),
  fc
    .boolean()
    .map((value): Operand => ({ text: String(value), valueIn: () => value })),
);

const comparison = (
  operands: fc.Arbitrary<Operand>,
  ...operators: readonly string[]
): fc.Arbitrary<Expression> =>
  fc.record({
    kind: fc.constant("comparison" as const),
    left: operands,
    operator: fc.constantFrom(...operators),
    right: operands,
  });

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    flags.map((operand): Expression => ({ kind: "fact", operand })),
    comparison(numbers, "<", "<=", ">", ">=", "==", "!="),
    comparison(texts, "==", "!="),
    comparison(flags, "==", "!="),
    fc.record({
      kind: fc.constant("not" as const),
      word: fc.constantFrom("not ", "!", "! "),
      of: tie("expression"),
    }),
    ...(["and", "or"] as const).map((kind) =>
      fc.record({
        kind: fc.constant(kind),
        word: fc.constantFrom(kind, kind === "and" ? "&&" : "||"),
        parts: fc.array(tie("expression"), { minLength: 2, maxLength: 3 }),
      }),
    ),
  ),
}));

const BINDING = { or: 0, and: 1, not: 2, comparison: 3, fact: 4 };

/** Writes an expression with no more parentheses than it needs. */
function print(whole: Expression, loosest = 0): string {
  const text = printBare(whole);
  return BINDING[whole.kind] < loosest ? `(${text})` : text;
}

function printBare(whole: Expression): string {
  switch (whole.kind) {
    case "fact":
      return whole.operand.text;
    case "comparison":
      return `${whole.left.text} ${whole.operator} ${whole.right.text}`;
    case "not":
      return `${whole.word}${print(whole.of, BINDING.not)}`;
    default:
      return whole.parts
        .map((part) => print(part, BINDING[whole.kind] + 1))
        .join(` ${whole.word} `);
  }
}

/** What an expression means, said another way than the package does. */
function holds(whole: Expression, world: World): boolean {
  switch (whole.kind) {
    case "fact":
      return whole.operand.valueIn(world) === true;
    case "not":
      return !holds(whole.of, world);
    case "and":
      return !whole.parts.some((part) => !holds(part, world));
    case "or":
      return whole.parts.some((part) => holds(part, world));
    case "comparison": {
      const left = whole.left.valueIn(world);
      const right = whole.right.valueIn(world);
      if (left === undefined || right === undefined) return false;
      const equal = Object.is(left, right) || (left === 0 && right === 0);
      if (whole.operator === "==") return equal;
      if (whole.operator === "!=") return !equal;
      const less = Number(left) < Number(right);
      const answers: Record<string, boolean> = {
        "<": less,
        "<=": less || equal,
        ">": !less && !equal,
        ">=": !less,
      };
      return answers[whole.operator] === true;
    }
  }
}

interface Scene {
  readonly request: ConverseRequest;
  readonly circumstances: RouteCircumstances;
  readonly world: World;
}

const scene: fc.Arbitrary<Scene> = fc
  .record({
    length: fc.nat({ max: 500 }),
    maxTokens: fc.option(fc.integer({ min: 1, max: 2_000 }), {
      nil: undefined,
    }),
    tools: fc.boolean(),
    image: fc.boolean(),
    streaming: fc.boolean(),
    budgetShareLeft: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), {
      nil: undefined,
    }),
    remainingTimeMs: fc.constantFrom(undefined, -5, 0, 1_500),
    plan: fc.constantFrom(undefined, "gold", "free"),
    team: fc.constantFrom(undefined, "", ...ODD),
  })
  .map((given) => ({
    request: asking({
      messages: [
        {
          role: "user",
          content: [
            { text: "a".repeat(4 * given.length) },
            ...(given.image ? [IMAGE] : []),
          ],
        },
      ],
      maxTokens: given.maxTokens,
      tools: given.tools ? [TOOL] : [],
      onDelta: given.streaming ? () => {} : undefined,
      tags: {
        ...(given.plan !== undefined && { plan: given.plan }),
        ...(given.team !== undefined && { "team-1": given.team }),
      },
    }),
    circumstances: {
      budgetShareLeft: given.budgetShareLeft,
      remainingTimeMs: given.remainingTimeMs,
    },
    world: {
      // An image counts as 1,600 tokens, this tool as 5.
      input_tokens:
        given.length +
        (given.image ? 1_600 : 0) +
        (given.tools ? TOOL_TOKENS : 0),
      max_tokens: given.maxTokens,
      has_tools: given.tools,
      has_images: given.image,
      is_streaming: given.streaming,
      budget_share_left: given.budgetShareLeft,
      budget_consumed:
        given.budgetShareLeft === undefined
          ? undefined
          : 1 - given.budgetShareLeft,
      remaining_time_ms: given.remainingTimeMs ?? Number.POSITIVE_INFINITY,
      "tags.plan": given.plan,
      "tags.team-1": given.team,
    },
  }));

/** "look" and "object", a quarter of their characters each, rounded up. */
const TOOL_TOKENS = 1 + 2;

describe("Rules that are strings", () => {
  test("mean what they say, however they are written", () => {
    fc.assert(
      fc.property(
        expression,
        scene,
        (whole, { request, circumstances, world }) => {
          const when = print(whole);
          fc.pre(when.length <= 1_000);
          const { rule } = routing(when).explain(request, circumstances);
          expect([when, rule === 0]).toEqual([when, holds(whole, world)]);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("never fail with anything but a ConfigurationError that has a position", () => {
    const pieces = fc.constantFrom(
      ..."input_tokens tags.plan has_tools and or not true false ( ) ! < <= == = & && | . - -1 1e9 1e999 'a' \" ' \\ 5_0 _ __proto__ tags.__proto__".split(
        " ",
      ),
    );
    const junk = fc.oneof(
      fc.string({ maxLength: 40, unit: "binary" }),
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(" ")),
      fc.array(pieces, { maxLength: 400 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(junk, scene, (when, { request, circumstances }) => {
        let read: ReturnType<typeof routing>;
        try {
          read = routing(when);
        } catch (error) {
          expect(ConfigurationError.isInstance(error)).toBe(true);
          expect(String(error)).toMatch(
            /at position \d+\.$|must be a non-empty string|has \d+ characters/,
          );
          return;
        }
        expect([undefined, 0]).toContain(
          read.explain(request, circumstances).rule,
        );
      }),
      { numRuns: 1_000 },
    );
  });
});
