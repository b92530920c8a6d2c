import { createHash } from "node:crypto";
import { isObject } from "@lambdallm/core/feature";
import {
  arrayAt,
  defined,
  type JsonObject,
  member,
  numberAt,
  objectAt,
  stringAt,
} from "../json.ts";
import type { NativeFormat } from "./native-format.ts";
import { toWire } from "./wire-json.ts";

/** Anthropic's messages API, as InvokeModel takes it. */
export const anthropicFormat: NativeFormat = {
  toConverse(body) {
    const system = member(body, "system");
    const tools = arrayAt(body, "tools");
    return defined({
      messages: joined(
        arrayAt(body, "messages").map((message) => ({
          role: member(message, "role"),
          content: contentOf(member(message, "content")),
        })),
      ),
      system: contentOf(system ?? []),
      inferenceConfig: defined({
        maxTokens: numberAt(body, "max_tokens"),
        temperature: numberAt(body, "temperature"),
        topP: numberAt(body, "top_p"),
        stopSequences: member(body, "stop_sequences"),
      }),
      toolConfig:
        tools.length === 0
          ? undefined
          : defined({
              tools: tools.map(toolOf),
              toolChoice: choiceOf(objectAt(body, "tool_choice")),
            }),
      outputConfig: outputOf(member(body, "output_config")),
      additionalModelRequestFields: defined({
        thinking: objectAt(body, "thinking"),
        top_k: numberAt(body, "top_k"),
        anthropic_beta: member(body, "anthropic_beta"),
      }),
    });
  },
  fromAnswer({ content, stopReason, usage }, modelId) {
    const digest = createHash("sha256").update(JSON.stringify(toWire(content)));
    return {
      id: `msg_bdrk_${digest.digest("hex").slice(0, 24)}`,
      type: "message",
      role: "assistant",
      model: modelId,
      content: content.flatMap((block) => nativeBlock(toWire(block))),
      stop_reason: stopReason,
      stop_sequence: null,
      usage: {
        input_tokens: usage.inputTokens,
        cache_creation_input_tokens: usage.cacheWriteInputTokens ?? 0,
        cache_read_input_tokens: usage.cacheReadInputTokens ?? 0,
        output_tokens: usage.outputTokens,
      },
    };
  },
};

interface Turn {
  readonly role: unknown;
  readonly content: readonly unknown[];
}

/** The API combines consecutive turns of one role into one. */
function joined(turns: readonly Turn[]): readonly Turn[] {
  const list: Turn[] = [];
  for (const turn of turns) {
    const last = list.at(-1);
    if (last !== undefined && last.role === turn.role)
      list[list.length - 1] = {
        ...last,
        content: [...last.content, ...turn.content],
      };
    else list.push(turn);
  }
  return list;
}

/** Text alone, or a list of blocks. */
function contentOf(content: unknown): readonly unknown[] {
  if (typeof content === "string")
    return content === "" ? [] : [{ text: content }];
  return Array.isArray(content) ? content.map(blockOf) : [];
}

function blockOf(block: unknown): unknown {
  const source = objectAt(block, "source");
  switch (stringAt(block, "type")) {
    case "text":
      return { text: stringAt(block, "text") ?? "" };
    case "image":
      return {
        image: {
          format: (stringAt(source, "media_type") ?? "").split("/").at(-1),
          source: { bytes: stringAt(source, "data") ?? "" },
        },
      };
    case "document":
      return {
        document: {
          name: stringAt(block, "title") ?? "document",
          format: (stringAt(source, "media_type") ?? "").split("/").at(-1),
          source:
            stringAt(source, "type") === "text"
              ? { text: stringAt(source, "data") ?? "" }
              : { bytes: stringAt(source, "data") ?? "" },
        },
      };
    case "tool_use":
      return {
        toolUse: {
          toolUseId: stringAt(block, "id"),
          name: stringAt(block, "name"),
          input: member(block, "input"),
        },
      };
    case "tool_result":
      return {
        toolResult: {
          toolUseId: stringAt(block, "tool_use_id"),
          content: contentOf(member(block, "content")),
          status: member(block, "is_error") === true ? "error" : "success",
        },
      };
    case "thinking":
      return {
        reasoningContent: {
          reasoningText: defined({
            text: stringAt(block, "thinking"),
            signature: stringAt(block, "signature"),
          }),
        },
      };
    default:
      return {};
  }
}

function toolOf(tool: unknown): unknown {
  return {
    toolSpec: defined({
      name: stringAt(tool, "name"),
      description: stringAt(tool, "description"),
      inputSchema: { json: member(tool, "input_schema") },
      strict: member(tool, "strict"),
    }),
  };
}

function choiceOf(choice: JsonObject | undefined): unknown {
  const type = stringAt(choice, "type");
  if (type === "tool") return { tool: { name: stringAt(choice, "name") } };
  return type === "any" || type === "auto" ? { [type]: {} } : undefined;
}

function outputOf(config: unknown): unknown {
  const schema = member(member(config, "format"), "schema");
  return isObject(schema)
    ? {
        textFormat: {
          type: "json_schema",
          structure: { jsonSchema: { schema: JSON.stringify(schema) } },
        },
      }
    : undefined;
}

function nativeBlock(block: unknown): readonly unknown[] {
  const text = stringAt(block, "text");
  if (text !== undefined) return [{ type: "text", text }];
  const toolUse = objectAt(block, "toolUse");
  if (toolUse !== undefined)
    return [
      {
        type: "tool_use",
        id: member(toolUse, "toolUseId"),
        name: member(toolUse, "name"),
        input: member(toolUse, "input"),
      },
    ];
  const reasoning = objectAt(
    member(block, "reasoningContent"),
    "reasoningText",
  );
  if (reasoning !== undefined)
    return [
      {
        type: "thinking",
        thinking: member(reasoning, "text"),
        signature: member(reasoning, "signature"),
      },
    ];
  return [];
}
