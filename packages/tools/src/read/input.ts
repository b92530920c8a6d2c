import ts from "typescript";
import { type Place, Refusal } from "../problems.ts";
import type { JsonObject } from "../schema/json.ts";
import { isPlain } from "../schema/plain.ts";
import { mapped } from "../schema/subschemas.ts";
import { propertiesOf, unwrapped } from "../schema/unwrap.ts";
import type { FunctionNode } from "./exported-functions.ts";
import { checkedParameters, type Parameter } from "./parameters.ts";
import type { SchemaOf } from "./type-schemas.ts";
import { isNominal } from "./unsupported.ts";

/** What a tool takes, and how its function is called with it. */
export interface ToolInput {
  readonly schema: JsonObject;
  /** Whether the compiler can follow the schema: it finds no end in one that refers to itself. */
  readonly isTyped: boolean;
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
  const { parameters, info } = checkedParameters(node, reader.checker, place);
  const all = described(schemaOfAll(parameters, reader, place), parameters);
  const inner = unwrapped(all);
  const schema = inner ?? all;
  checkNames(schema, place);
  const isTyped = !("$defs" in schema);
  const exact = Object.entries(propertiesOf(all))
    .filter(([, one]) => isTyped && isPlain(one))
    .map(([name]) => name);
  const args = parameters.map((parameter) => {
    const { name, node } = parameter;
    if (inner === undefined) checkNamed(parameter, place);
    const type = reader.checker.getTypeAtLocation(node);
    const isExact = exact.includes(name) && !isNominal(type, reader.checker);
    const member = isTyped ? `input.${name}` : `input[${JSON.stringify(name)}]`;
    const value = inner === undefined ? member : "input";
    return isExact ? value : `${value} as never`;
  });
  return { schema, isTyped, arguments: [...args, ...info] };
}

function checkNamed({ node, isNamed }: Parameter, place: Place): void {
  if (!isNamed)
    throw new Refusal(
      { ...place, node, parameter: node.name.getText() },
      "it is taken apart and is not an object with known properties only. Give it a name.",
    );
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
  const descriptions = new Map(
    parameters.map(({ name, description }) => [name, description]),
  );
  const properties = mapped(propertiesOf(schema), (one, name) => {
    const description = descriptions.get(name);
    return description ? { ...one, description } : one;
  });
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
