import { createHash } from "node:crypto";
import { ConfigurationError } from "@lambdallm/core";
import {
  compileValidator,
  type NormalizedSchema,
} from "@lambdallm/core/feature";
import { stableJson } from "./stable-json.ts";

/** A tool as an MCP server lists it, as far as it is used here. */
export interface McpTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** One of a server's tools, and what it is called here. */
export interface NamedTool<Tool> {
  readonly name: string;
  readonly tool: Tool;
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html */
const LONGEST_NAME = 64;

/**
 * The tools in the order of their names, which is the same whatever order the server has: their place in a prompt decides what
 * can be read from a cache. Names are made to fit Bedrock's rule, and differ.
 *
 * @throws {ConfigurationError} The server does not have one of those that are to be included.
 */
export function namedTools<Tool extends McpTool>(
  listed: readonly Tool[],
  include: readonly string[] | undefined,
  prefix: string,
): readonly NamedTool<Tool>[] {
  const missing = include?.find(
    (name) => !listed.some((tool) => tool.name === name),
  );
  if (missing !== undefined)
    throw new ConfigurationError(
      `mcpTools: the server has no tool "${missing}". Its tools: ${listed.map(({ name }) => name).join(", ") || "none"}.`,
    );
  const taken = new Set<string>();
  return listed
    .filter(({ name }) => include?.includes(name) ?? true)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((tool) => {
      const name = freeName(`${prefix}${tool.name}`, taken);
      taken.add(name);
      return { name, tool };
    });
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  const fitting = wanted.replace(/[^a-zA-Z0-9_-]/g, "_");
  let name = fitting.slice(0, LONGEST_NAME);
  for (let count = 2; taken.has(name) || name === ""; count++) {
    const end = `_${count}`;
    name = fitting.slice(0, LONGEST_NAME - end.length) + end;
  }
  return name;
}

/** The sha256 of all that a model is told of the tools, whatever order the server writes it in. */
export function hashOf(tools: readonly NamedTool<McpTool>[]): string {
  const told = tools.map(({ tool }) => [
    tool.name,
    descriptionOf(tool),
    tool.inputSchema,
  ]);
  return createHash("sha256").update(stableJson(told)).digest("hex");
}

/** The service refuses a blank one. */
export function descriptionOf({ name, title, description }: McpTool): string {
  return [description, title].find((text) => text?.trim()) ?? name;
}

/** The server judges inputs itself: a schema that cannot be used here lets them pass. */
export async function schemaOf({
  inputSchema,
}: McpTool): Promise<NormalizedSchema> {
  const schema = { json: inputSchema };
  try {
    await compileValidator(schema);
    return schema;
  } catch {
    const validate = (value: unknown) => ({ value });
    const standard = { version: 1, vendor: "lambdallm", validate } as const;
    return { ...schema, standard: { "~standard": standard } };
  }
}
