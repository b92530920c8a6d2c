import ts from "typescript";
import { type Place, Refusal } from "../problems.ts";
import { prose } from "./comment.ts";
import type { FunctionNode } from "./exported-functions.ts";
import { isToolRun } from "./tool-run.ts";
import { unsupportedIn } from "./unsupported.ts";

/** A parameter that a model fills. */
export interface Parameter {
  readonly node: ts.ParameterDeclaration;
  readonly name: string;
  /** False for one that is taken apart: its name is made up. */
  readonly isNamed: boolean;
  readonly isOptional: boolean;
  /** "" where the comment says nothing. */
  readonly description: string;
}

export interface Parameters {
  readonly parameters: readonly Parameter[];
  /** The argument for the agent's ToolRun, where the function takes it. */
  readonly info: readonly string[];
}

/** @throws {Refusal} The function has a form that a tool cannot have, or a parameter that JSON cannot fill. */
export function checkedParameters(
  node: FunctionNode,
  checker: ts.TypeChecker,
  place: Place,
): Parameters {
  checkForm(node, place);
  const last = node.parameters.at(-1);
  const takesInfo = last !== undefined && isToolRun(last, checker);
  const filled = takesInfo ? node.parameters.slice(0, -1) : node.parameters;
  const parameters = filled.map((parameter) =>
    checked(parameter, filled.length, checker, place),
  );
  checkComments(node, place);
  return { parameters, info: takesInfo ? [infoArgument(last)] : [] };
}

/** Which context the agent is run with, the written module cannot know. */
function infoArgument({ type }: ts.ParameterDeclaration): string {
  // What is known to be ToolRun refers to it.
  const { typeArguments } = type as ts.TypeReferenceNode;
  return typeArguments !== undefined ? "info as never" : "info";
}

function checkForm(node: FunctionNode, place: Place): void {
  if (node.typeParameters !== undefined)
    throw new Refusal(
      place,
      "it is generic, and a model needs to know what to send. Export a function with types that are known.",
    );
  if (node.asteriskToken !== undefined)
    throw new Refusal(
      place,
      "it is a generator, and a tool answers once. Return an array, or a text.",
    );
}

function checked(
  node: ts.ParameterDeclaration,
  count: number,
  checker: ts.TypeChecker,
  functionPlace: Place,
): Parameter {
  const isNamed = ts.isIdentifier(node.name);
  const name = isNamed ? node.name.getText() : "input";
  const place = { ...functionPlace, node, parameter: node.name.getText() };
  checkShape(node, isNamed, count, place);
  if (isToolRun(node, checker))
    throw new Refusal(place, "ToolRun comes last. Move it to the end.");
  const type = checker.getTypeAtLocation(node);
  if (isUntyped(node, type))
    throw new Refusal(place, "it has no type. Write one.");
  const unsupported = unsupportedIn(type, checker);
  if (unsupported !== undefined) {
    const where = unsupported.path === "" ? "it" : `${name}${unsupported.path}`;
    throw new Refusal(place, `${where} ${unsupported.message}`);
  }
  const symbol = checker.getSymbolAtLocation(node.name);
  return {
    node,
    name,
    isNamed,
    isOptional:
      node.questionToken !== undefined || node.initializer !== undefined,
    description: prose(symbol?.getDocumentationComment(checker) ?? []),
  };
}

function checkShape(
  node: ts.ParameterDeclaration,
  isNamed: boolean,
  count: number,
  place: Place,
): void {
  if (node.dotDotDotToken !== undefined)
    throw new Refusal(
      place,
      "it is a rest parameter, and a model fills parameters by their names. Take an array.",
    );
  if (node.name.getText() === "this")
    throw new Refusal(
      place,
      "a tool is called without a this. Take what it needs from the module.",
    );
  if (isNamed) return;
  if (node.type === undefined)
    throw new Refusal(
      place,
      "it is taken apart and has no type. Write one after it, such as { query }: { query: string }.",
    );
  if (count > 1)
    throw new Refusal(
      place,
      "it is taken apart beside other parameters, and so has no name. Give it one, or take one object for all.",
    );
}

const isUntyped = (node: ts.ParameterDeclaration, { flags }: ts.Type) =>
  node.type === undefined &&
  node.initializer === undefined &&
  (flags & ts.TypeFlags.Any) !== 0;

/** A comment on a parameter that does not exist is one that the model never sees. */
function checkComments(node: FunctionNode, place: Place): void {
  const names = node.parameters.map(({ name }) => name);
  if (!names.every(ts.isIdentifier)) return;
  for (const tag of ts.getJSDocTags(node).filter(ts.isJSDocParameterTag)) {
    const given = tag.name.getText().replace(/\..*/s, "");
    if (!names.some(({ text }) => text === given))
      throw new Refusal(
        { ...place, node: tag, parameter: given },
        `@param names a parameter that does not exist. There ${names.length === 1 ? "is" : "are"} ${names.map(({ text }) => text).join(", ") || "none"}.`,
      );
  }
}
