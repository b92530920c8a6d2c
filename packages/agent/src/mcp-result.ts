import { stableJson } from "./stable-json.ts";

/** What an MCP server answers to a call, as far as it can be read. */
export interface McpResult {
  readonly content?: readonly unknown[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean | undefined;
}

/**
 * The result of an MCP server's tool as what a tool returns: texts, images and resources in their order, then the structured
 * content, where no text says the same.
 */
export function mcpResult({
  content = [],
  structuredContent: structured,
  isError,
}: McpResult): unknown {
  const parts = content.filter((part) => !isSame(part, structured)).map(partOf);
  return {
    content:
      structured === undefined ? parts : [...parts, { json: structured }],
    status: isError === true ? "error" : "success",
  };
}

/** Servers repeat structured content as text, for clients that do not know it. */
function isSame(part: unknown, structured: unknown): boolean {
  const { type, text }: Record<string, unknown> = { ...Object(part) };
  if (structured === undefined || type !== "text") return false;
  try {
    return stableJson(JSON.parse(String(text))) === stableJson(structured);
  } catch {
    return false;
  }
}

function partOf(part: unknown): unknown {
  const { type, ...fields }: Record<string, unknown> = { ...Object(part) };
  switch (type) {
    case "text":
      return { text: String(fields["text"]) };
    case "image":
      return bytesOf(fields["data"]);
    case "audio":
      return { text: `(audio of the type ${fields["mimeType"]})` };
    case "resource":
      return resourceOf(fields["resource"]);
    case "resource_link": {
      const said = [fields["name"], fields["uri"], fields["description"]];
      return { text: said.filter(Boolean).join("\n") };
    }
    default:
      return { json: part };
  }
}

function resourceOf(resource: unknown): unknown {
  const {
    uri,
    text,
    blob = "",
  }: Record<string, unknown> = {
    ...Object(resource),
  };
  return text === undefined
    ? bytesOf(blob)
    : { text: `${String(uri)}\n${String(text)}` };
}

function bytesOf(base64: unknown): Uint8Array {
  return Buffer.from(String(base64), "base64");
}
