import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { type Condition, parseCondition } from "./condition.ts";
import type { RouteFacts } from "./facts.ts";

/** When a call goes to a certain model, whatever the strategy says. */
export interface RouterRule {
  /**
   * A function of the facts, or a string such as `input_tokens < 100 and tags.plan == "free"`, which is read once and
   * never evaluated as code.
   */
  readonly when: string | ((facts: RouteFacts) => boolean);
  /** A model id; need not be one of `models`. The quality threshold does not hold for it. */
  readonly model: string;
}

export interface CompiledRule {
  /** Its place in the option and its text, such as `rules[0] (input_tokens < 100)`. */
  readonly name: string;
  readonly model: string;
  readonly matches: Condition;
}

const textOrFunction: OptionCheck = (value) =>
  typeof value === "function" || check.text(value) === undefined
    ? undefined
    : "a non-empty string or a function";

const ruleChecks = { when: textOrFunction, model: check.text };

/** @throws {ConfigurationError} naming the rule that is wrong, and where in it. */
export function compileRule(rule: RouterRule, index: number): CompiledRule {
  const name = `rules[${index}]`;
  validateOptions(`router: ${name}`, ruleChecks, rule);
  const { when, model } = rule;
  if (when === undefined || model === undefined)
    throw new ConfigurationError(
      `router: ${name}: a rule needs both "when" and "model".`,
    );
  return typeof when === "string"
    ? {
        name: `${name} (${when})`,
        model,
        matches: parseCondition(`router: ${name}.when`, when),
      }
    : { name, model, matches: guarded(name, when) };
}

function guarded(
  name: string,
  when: (facts: RouteFacts) => boolean,
): Condition {
  return (facts) => {
    let matches: unknown;
    try {
      matches = when(facts);
    } catch (cause) {
      throw new ConfigurationError(`router: the function of ${name} failed.`, {
        cause,
      });
    }
    // A promise would match always.
    if (typeof matches === "boolean") return matches;
    throw new ConfigurationError(
      `router: the function of ${name} must return true or false.`,
    );
  };
}
