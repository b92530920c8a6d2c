import type {
  ContentBlock,
  ConverseCommandInput,
  Message,
  Tool,
} from "@aws-sdk/client-bedrock-runtime";
import { ask } from "../helpers.ts";

export type Input = Partial<ConverseCommandInput>;

/** A request that the service refuses, and its neighbour that it takes: they differ in the one thing that the row is about. */
export interface Refusal {
  /** A sentence. */
  readonly what: string;
  readonly refused: Input;
  readonly taken: Input;
  readonly text: string;
  /** @default "ValidationException", whose status is 400 */
  readonly error?: "AccessDeniedException";
  /** That of the refused request; the neighbour is sent from there, too. @default us-east-1 */
  readonly region?: string;
  /** Where a model cannot stream what the row is about. @default true */
  readonly streams?: boolean;
}

export const OPUS_5 = "us.anthropic.claude-opus-5";
export const OPUS_4_6 = "us.anthropic.claude-opus-4-6-v1";
export const SONNET_4 = "us.anthropic.claude-sonnet-4-20250514-v1:0";
export const NOVA = "us.amazon.nova-lite-v1:0";
export const GPT = "us.openai.gpt-5.6-sol";
export const GPT_OSS = "openai.gpt-oss-20b-1:0";
export const DEEPSEEK_R1 = "us.deepseek.r1-v1:0";

export const fromModel = (text: string) =>
  `The model returned the following errors: ${text}`;

export const user = (...content: ContentBlock[]): Message => ({
  role: "user",
  content,
});
export const assistant = (...content: ContentBlock[]): Message => ({
  role: "assistant",
  content,
});
export const text = (words: string) => ({ text: words });
export const WORDS = text("Hi");
export const HI = user(WORDS);
export const SAID = assistant(text("Hello"));
export const THOUGHT = {
  reasoningContent: { reasoningText: { text: "Hm.", signature: "s" } },
};

/** A refusal by the description of the API. */
export const member = (value: string, path: string, rule: string) =>
  `1 validation error detected: Value ${value} at '${path}' failed to satisfy constraint: Member must ${rule}`;

/** The schema of a tool, which may be what no tool should have. */
export const tool = (schema: unknown = { type: "object" }, name = "find") =>
  ({
    toolSpec: { name, inputSchema: { json: schema } },
  }) as Tool;
export const FIND = { tools: [tool()] };

export const call = (input: unknown = {}, id = "t1", name = "find") =>
  ({ toolUse: { toolUseId: id, name, input } }) as ContentBlock;
export const result = (...content: unknown[]) =>
  ({ toolResult: { toolUseId: "t1", content } }) as ContentBlock;

/** A conversation with a call and its result. */
export const exchange = (
  use: ContentBlock,
  ...answers: ContentBlock[]
): Input => ({
  messages: [HI, assistant(use), user(...answers)],
  toolConfig: FIND,
});

export function inputOf(given: Input): ConverseCommandInput {
  return ask("Hi", given);
}
