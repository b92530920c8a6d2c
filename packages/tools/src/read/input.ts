import ts from "typescript";
import { type Place, Refusal } from "../problems.ts";
import type { JsonObject } from "../schema/json.ts";
import { isPlain } from "../schema/plain.ts";
import { propertiesOf, unwrapped } from "../schema/unwrap.ts";
import type { FunctionNode } from "./exported-functions.ts";
import { checkedParameters, type Parameter } from "./parameters.ts";
import type { SchemaOf } from "./type-schemas.ts";
import { isNominal } from "./unsupported.ts";

/** What a tool takes, and how its function is called with it. */
export interface ToolInput {
  readonly schema: JsonObject;
  /** Expressions of `input` and `info`. */
  readonly arguments: readonly string[];
}

export interface Reader {
  readonly checker: ts.TypeChecker;
  readonly schemaOf: SchemaOf;
}

/** What Claude takes at the top of a tool's schema; it refuses the whole request for another one. */
const PROPERTY_NAME = /^[a-zA-Z0-9_.-]{1,64}$/;

/** @throws {Refusal} A parameter cannot be filled from JSON. */
export function readInput(
  node: FunctionNode,
  reader: Reader,
  place: Place,
): ToolInput {
  const { parameters, takesInfo } = checkedParameters(
    node,
    reader.checker,
    place,
  );
  const all = described(schemaOfAll(parameters, reader, place), parameters);
  const [only, ...others] = parameters;
  const inner =
    only !== undefined && others.length === 0
      ? unwrapped(all, only.name)
      : undefined;
  if (inner === undefined && only?.isNamed === false)
    throw new Refusal(
      { ...place, node: only.node, parameter: only.node.name.getText() },
      "it is taken apart and is not an object with known properties only. Give it a name.",
    );
  const schema = inner ?? all;
  checkNames(schema, place);
  const args = parameters.map((one) => {
    const value = inner === undefined ? `input.${one.name}` : "input";
    const own = inner ?? propertiesOf(all)[one.name] ?? {};
    return needsCast(one, own, reader) ? `${value} as never` : value;
  });
  return { schema, arguments: takesInfo ? [...args, "info"] : args };
}

/** One object with a property for each parameter: what can be left out, and what types share, is then the generator's to say. */
function schemaOfAll(
  parameters: readonly Parameter[],
  { schemaOf }: Reader,
  place: Place,
): JsonObject {
  const { factory } = ts;
  const members = parameters.map(({ name, type, isOptional }) =>
    factory.createPropertySignature(
      undefined,
      factory.createStringLiteral(name),
      isOptional ? factory.createToken(ts.SyntaxKind.QuestionToken) : undefined,
      type,
    ),
  );
  try {
    return {
      type: "object",
      properties: {},
      ...schemaOf(factory.createTypeLiteralNode(members)),
    };
  } catch (error) {
    throw new Refusal(
      place,
      `the types of its parameters have no JSON Schema: ${(error as Error).message} Take simpler ones.`,
    );
  }
}

function described(
  schema: JsonObject,
  parameters: readonly Parameter[],
): JsonObject {
  const properties = { ...propertiesOf(schema) };
  for (const { name, description } of parameters)
    if (description !== "")
      properties[name] = { ...properties[name], description };
  return { ...schema, properties };
}

function checkNames(schema: JsonObject, place: Place): void {
  const odd = Object.keys(propertiesOf(schema)).find(
    (name) => !PROPERTY_NAME.test(name),
  );
  if (odd !== undefined)
    throw new Refusal(
      { ...place, parameter: odd },
      "models refuse this name, which may have 1 to 64 letters, digits, _, . and -. Give it another one.",
    );
}

/** Whether the compiler would not let a value of the schema through, although it fits. */
function needsCast(
  { node }: Parameter,
  schema: JsonObject,
  { checker }: Reader,
): boolean {
  return (
    !isPlain(schema) || isNominal(checker.getTypeAtLocation(node), checker)
  );
}
