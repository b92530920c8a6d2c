import ts from "typescript";
import { type Place, Refusal } from "../problems.ts";
import type { JsonObject } from "../schema/json.ts";
import { isPlain } from "../schema/plain.ts";
import { mapped } from "../schema/subschemas.ts";
import { propertiesOf, unwrapped } from "../schema/unwrap.ts";
import { disagreement } from "./agreement.ts";
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
  const { parameters: written, info } = checkedParameters(
    node,
    reader.checker,
    place,
  );
  const parameters = written.map((one) => followed(one, reader, place));
  const all = described(together(parameters, reader, place), parameters);
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
  parameters: readonly TypedParameter[],
  { schemaOf }: Reader,
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
  return {
    type: "object",
    properties: {},
    ...schemaOf(factory.createTypeLiteralNode(members)),
  };
}

interface TypedParameter extends Parameter {
  readonly type: ts.TypeNode;
}

/**
 * The parameter with a type that the generator follows as the compiler does: the one that is written there, which has the comments,
 * or else what the compiler has made of it.
 */
function followed(
  parameter: Parameter,
  reader: Reader,
  place: Place,
): TypedParameter {
  const { node } = parameter;
  const reasons: string[] = [];
  for (const typeNode of [node.type, workedOut(node, reader)]) {
    if (typeNode === undefined) continue;
    const typed = { ...parameter, type: typeNode };
    const reason = reasonAgainst(typed, reader);
    if (reason === undefined) return typed;
    reasons.push(reason);
  }
  throw new Refusal(
    { ...place, node, parameter: node.name.getText() },
    `${reasons[0]} Write the type out.`,
  );
}

/** Why no schema is made of a type. */
function reasonAgainst(
  parameter: TypedParameter,
  reader: Reader,
): string | undefined {
  const { node, name } = parameter;
  try {
    const schema = schemaOfAll([parameter], reader);
    const { $defs = {} } = schema;
    const own = { ...propertiesOf(schema)[name], $defs };
    const type = reader.checker.getTypeAtLocation(node);
    const path = disagreement(type, own, reader.checker);
    return path === undefined
      ? undefined
      : `it has a type (${name}${path}) that a schema cannot follow.`;
  } catch (error) {
    return `its type has no schema: ${(error as Error).message}.`;
  }
}

/** The type that the compiler has found, as if it were written there; there are types that cannot be. */
function workedOut(
  parameter: ts.ParameterDeclaration,
  { checker }: Reader,
): ts.TypeNode | undefined {
  const { NoTruncation, InTypeAlias } = ts.NodeBuilderFlags;
  const type = checker.getTypeAtLocation(parameter);
  const node = checker.typeToTypeNode(
    type,
    parameter,
    NoTruncation | InTypeAlias,
  );
  // Where the generator looks for comments.
  return node && Object.assign(node, { parent: parameter });
}

/** @throws {Refusal} Two of them have types of one name. */
function together(
  parameters: readonly TypedParameter[],
  reader: Reader,
  place: Place,
): JsonObject {
  try {
    return schemaOfAll(parameters, reader);
  } catch (error) {
    throw new Refusal(
      place,
      `its parameters have no schema together: ${(error as Error).message} Give one of the types another name.`,
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
