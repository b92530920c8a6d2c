import type { Ajv2020 } from "ajv/dist/2020.js";
import { isObject } from "../checks/is-object.ts";
import { missingPackage, namesOf } from "../checks/optional-package.ts";

/** Ajv as an instance of its own, loaded when it is first asked for. */
export async function loadAjv(): Promise<Ajv2020> {
  const loaded = await import("ajv/dist/2020.js").catch(
    missingPackage("ajv", "Validation by a JSON Schema"),
  );
  const { _, Ajv2020 } = namesOf(loaded, "Ajv2020");
  const ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    validateFormats: false,
    // What an object inherits is not in the answer: a required "constructor" is missing.
    ownProperties: true,
    logger: false,
  });
  // Ajv's own comparison calls `toString` and `valueOf` of the answer, which may be fields of it, and compares each item
  // of a list with each other.
  for (const keyword of ["const", "enum", "uniqueItems"])
    ajv.removeKeyword(keyword);
  ajv.addKeyword({
    keyword: "const",
    compile: (allowed: unknown) => {
      const text = canonical(allowed);
      return (value: unknown) => canonical(value) === text;
    },
    error: {
      message: "must be equal to constant",
      params: ({ schemaCode }) => _`{allowedValue: ${schemaCode}}`,
    },
  });
  ajv.addKeyword({
    keyword: "enum",
    schemaType: "array",
    compile: (allowed: readonly unknown[]) => {
      const texts = new Set(allowed.map(canonical));
      return (value: unknown) => texts.has(canonical(value));
    },
    error: {
      message: "must be equal to one of the allowed values",
      params: ({ schemaCode }) => _`{allowedValues: ${schemaCode}}`,
    },
  });
  ajv.addKeyword({
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    compile: (isOn: boolean) => (items: readonly unknown[]) =>
      !isOn || new Set(items.map(canonical)).size === items.length,
    error: { message: "must NOT have duplicate items" },
  });
  return ajv;
}

/** JSON that is the same text for equal values. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner)
      ? Object.fromEntries(
          Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : inner,
  );
}
