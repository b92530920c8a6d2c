import { createParser } from "eventsource-parser";
import { ServiceError } from "../bedrock/service-error.ts";
import { arrayAt, member, numberAt, parseJson, stringAt } from "../json.ts";

/** What one event of a chat stream adds. */
export interface ChatPiece {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly {
    readonly index: number;
    readonly id: string | undefined;
    readonly name: string;
    readonly input: string;
  }[];
  readonly finish: string | undefined;
  readonly usage: unknown;
}

/** The pieces of a streamed chat answer, as they arrive. */
export async function* chatEvents(
  response: Response,
): AsyncGenerator<ChatPiece> {
  const waiting: string[] = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      waiting.push(data);
    },
  });
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    for (const data of waiting.splice(0)) {
      if (data.trim() === "[DONE]") return;
      yield pieceOf(parseJson(data));
    }
  }
}

function pieceOf(event: unknown): ChatPiece {
  const failure = member(event, "error");
  if (failure !== undefined && failure !== null)
    throw new ServiceError("ModelStreamErrorException", {
      message: stringAt(failure, "message") ?? JSON.stringify(failure),
    });
  const choice = arrayAt(event, "choices")[0];
  const delta = member(choice, "delta");
  return {
    text: stringAt(delta, "content") ?? "",
    reasoning:
      stringAt(delta, "reasoning_content") ??
      stringAt(delta, "reasoning") ??
      "",
    calls: arrayAt(delta, "tool_calls").map((call, position) => ({
      index: numberAt(call, "index") ?? position,
      id: stringAt(call, "id"),
      name: stringAt(member(call, "function"), "name") ?? "",
      input: stringAt(member(call, "function"), "arguments") ?? "",
    })),
    finish: stringAt(choice, "finish_reason"),
    usage: member(event, "usage"),
  };
}
