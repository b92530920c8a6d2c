import {
  arrayAt,
  defined,
  type JsonObject,
  member,
  numberAt,
  objectAt,
  stringAt,
} from "../json.ts";
import { allText } from "./answer.ts";
import { anthropicFormat } from "./native-anthropic.ts";
import type { NativeFormat } from "./native-format.ts";
import { refuse } from "./service-error.ts";
import { toWire } from "./wire-json.ts";

/** The format of a model's own bodies: by the model id, or by the body when the id does not tell. */
export function nativeFormat(modelId: string, body: JsonObject): NativeFormat {
  if (/anthropic\.claude/.test(modelId)) return anthropicFormat;
  if (/amazon\.nova/.test(modelId)) return novaFormat;
  if (/amazon\.titan/.test(modelId)) return titanFormat;
  if (/meta\.llama/.test(modelId)) return llamaFormat;
  if (member(body, "anthropic_version") !== undefined) return anthropicFormat;
  if (member(body, "inputText") !== undefined) return titanFormat;
  if (member(body, "prompt") !== undefined) return llamaFormat;
  if (member(body, "messages") !== undefined) return novaFormat;
  refuse(
    "Malformed input request, please reformat your input and try again. (The local Bedrock knows the native bodies of Anthropic Claude, Amazon Nova, Amazon Titan Text and Meta Llama; use Converse for the others.)",
  );
}

function textMessages(text: string): readonly unknown[] {
  return [{ role: "user", content: [{ text }] }];
}

const novaFormat: NativeFormat = {
  toConverse(body) {
    const config = objectAt(body, "inferenceConfig");
    return defined({
      messages: arrayAt(body, "messages"),
      system: arrayAt(body, "system"),
      toolConfig: member(body, "toolConfig"),
      inferenceConfig: {
        ...config,
        ...defined({
          maxTokens:
            numberAt(config, "maxTokens") ?? numberAt(config, "max_new_tokens"),
          topP: numberAt(config, "topP") ?? numberAt(config, "top_p"),
        }),
      },
    });
  },
  fromAnswer: ({ content, stopReason, usage }) => ({
    output: { message: { role: "assistant", content: toWire(content) } },
    stopReason,
    usage,
  }),
};

const titanFormat: NativeFormat = {
  toConverse(body) {
    const config = objectAt(body, "textGenerationConfig");
    return {
      messages: textMessages(stringAt(body, "inputText") ?? ""),
      inferenceConfig: defined({
        maxTokens: numberAt(config, "maxTokenCount"),
        temperature: numberAt(config, "temperature"),
        topP: numberAt(config, "topP"),
        stopSequences: member(config, "stopSequences"),
      }),
    };
  },
  fromAnswer: ({ content, stopReason, usage }) => ({
    inputTextTokenCount: usage.inputTokens,
    results: [
      {
        tokenCount: usage.outputTokens,
        outputText: allText(content),
        completionReason: TITAN_REASONS.get(stopReason) ?? "FINISH",
      },
    ],
  }),
};

const TITAN_REASONS: ReadonlyMap<string, string> = new Map([
  ["max_tokens", "LENGTH"],
  ["stop_sequence", "STOP_CRITERIA_MET"],
  ["content_filtered", "CONTENT_FILTERED"],
]);

const llamaFormat: NativeFormat = {
  toConverse: (body) => ({
    messages: textMessages(
      // The special tokens of the model's own prompt template are no text of the conversation.
      (stringAt(body, "prompt") ?? "")
        .replace(
          /<\|start_header_id\|>.*?<\|end_header_id\|>|<\|\w+\|>/gs,
          "\n",
        )
        .trim(),
    ),
    inferenceConfig: defined({
      maxTokens: numberAt(body, "max_gen_len"),
      temperature: numberAt(body, "temperature"),
      topP: numberAt(body, "top_p"),
    }),
  }),
  fromAnswer: ({ content, stopReason, usage }) => ({
    generation: allText(content),
    prompt_token_count: usage.inputTokens,
    generation_token_count: usage.outputTokens,
    stop_reason: stopReason === "max_tokens" ? "length" : "stop",
  }),
};
