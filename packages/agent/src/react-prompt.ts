import {
  type ContentBlock,
  findModel,
  type Message,
  type Tool,
  type ToolResultBlock,
} from "@lambdallm/core";
import type { ModelRequest } from "@lambdallm/core/feature";
import { resultText } from "./result-text.ts";

/** The labels of the form. */
export const LABELS = {
  thought: "Thought",
  action: "Action",
  input: "Action Input",
  result: "Observation",
  answer: "Final Answer",
} as const;

const STOP = `\n${LABELS.result}:`;

/** Whether the request has tools, and the model has none. */
export function needsReact({
  model,
  tools = [],
  messages,
}: Pick<ModelRequest, "model" | "tools" | "messages">): boolean {
  if (findModel(model)?.tools !== false) return false;
  return (
    tools.length > 0 ||
    messages.some(({ content }) =>
      content.some((block) => "toolUse" in block || "toolResult" in block),
    )
  );
}

/**
 * The request in words alone (ReAct): the tools, how to call one, the calls and their results are texts. Its answer is for
 * `reactAnswer`, and is not shown while it grows, since half of it is form.
 */
export function reactRequest(request: ModelRequest): ModelRequest {
  const { tools = [], toolChoice, onDelta, deltas, ...rest } = request;
  const { system = [], messages, model, stopSequences = [] } = request;
  const specs = tools.filter((tool) => "toolSpec" in tool);
  return {
    ...rest,
    messages: messages.map(inWords),
    ...(specs.length > 0 && {
      system: [...system, { text: instructions(specs) }],
    }),
    ...(specs.length > 0 &&
      findModel(model)?.stopSequences !== false && {
        stopSequences: [...stopSequences, STOP],
      }),
  };
}

type ToolSpec = Extract<Tool, { readonly toolSpec: object }>;

function instructions(tools: readonly ToolSpec[]): string {
  const described = tools.map(
    ({ toolSpec: { name, description = "", inputSchema } }) =>
      `- ${name}: ${description}\n  Its input: ${JSON.stringify(inputSchema.json)}`,
  );
  return `You can use tools:

${described.join("\n")}

To use one, write this and nothing behind it:

${LABELS.thought}: why you need it
${LABELS.action}: the name of the tool
${LABELS.input}: its input as a JSON object

You are then told the result as "${LABELS.result}: ...". When you can answer, write this:

${LABELS.thought}: what you have found out
${LABELS.answer}: your answer`;
}

function inWords({ role, content }: Message): Message {
  const isForm = content.some(
    (block) => "toolUse" in block || "toolResult" in block,
  );
  if (!isForm) return { role, content };
  const words: string[] = [];
  const others: ContentBlock[] = [];
  for (const block of content) {
    if ("toolUse" in block) {
      const { name, input } = block.toolUse;
      words.push(
        `${LABELS.action}: ${name}\n${LABELS.input}: ${JSON.stringify(input)}`,
      );
    } else if ("toolResult" in block) words.push(observation(block.toolResult));
    else if ("text" in block && role === "assistant") {
      if (block.text.trim() !== "")
        words.push(`${LABELS.thought}: ${block.text.trim()}`);
    } else others.push(block);
  }
  return { role, content: [{ text: words.join("\n") }, ...others] };
}

function observation({ content, status }: ToolResultBlock): string {
  const text = content
    .map((part) => resultText(part) ?? "(a file that cannot be shown)")
    .join("\n");
  return `${LABELS.result}: ${status === "error" ? "(failed) " : ""}${text}`;
}
