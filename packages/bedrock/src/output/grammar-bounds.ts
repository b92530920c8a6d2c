import type { ModelInfo } from "@lambdallm/core";
import { isClaude } from "@lambdallm/core/feature";
import { mapSubschemas, type Schema } from "./subschemas.ts";

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits */
const MOST_OPTIONAL = 24;
const MOST_UNIONS = 16;

/** What Claude counts in the native form of a schema. */
export interface GrammarSize {
  /** Properties that may be missing. */
  readonly optional: number;
  /** Properties of several types. */
  readonly unions: number;
}

export function sizeOf(native: Schema): GrammarSize {
  let optional = 0;
  let unions = 0;
  const visit = (schema: Schema): void => {
    const { properties, required } = schema;
    const names = Array.isArray(required) ? required : [];
    for (const [name, property] of Object.entries(Object(properties))) {
      if (!names.includes(name)) optional += 1;
      if (Object.hasOwn(Object(property), "anyOf")) unions += 1;
    }
    mapSubschemas(schema, (part) => {
      // In the native form every part is a schema: `true` and `false` have none.
      visit(part as Schema);
      return part;
    });
  };
  visit(native);
  return { optional, unions };
}

/** Whether the model is known to refuse a schema of this size, whatever is in it. */
export function isTooLarge(
  { optional, unions }: GrammarSize,
  info: Pick<ModelInfo, "id">,
): boolean {
  return (
    isClaude(info.id) && (optional > MOST_OPTIONAL || unions > MOST_UNIONS)
  );
}
