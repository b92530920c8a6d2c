import type {
  ContentBlock,
  JsonValue,
  LLMContext,
  ToolResultBlock,
} from "@lambdallm/core";
import type { MiddyMiddleware } from "@lambdallm/core/feature";
import {
  MockLambdaContext,
  MockProvider,
  type MockResponse,
} from "@lambdallm/testing";
import middy from "@middy/core";

/** An answer that calls tools: their names and inputs. */
export function calling(
  ...calls: readonly (readonly [name: string, input: JsonValue])[]
): { readonly content: readonly ContentBlock[] } {
  return {
    content: calls.map(([name, input], index) => ({
      toolUse: { toolUseId: `${name}-${index}`, name, input },
    })),
  };
}

/** Runs `run` in a handler behind a model that answers like this. */
export async function withModel<Result>(
  responses: readonly MockResponse[],
  run: (context: LLMContext) => Promise<Result>,
  {
    timeoutMs = 300_000,
    use = [],
  }: {
    readonly timeoutMs?: number;
    readonly use?: readonly MiddyMiddleware[];
  } = {},
): Promise<{ readonly result: Result; readonly model: MockProvider }> {
  const model = new MockProvider({ responses });
  const handler = middy()
    .use(model.middleware())
    .use([...use])
    .handler(async (_event, context) => ({ result: await run(context) }));
  const { result } = await handler({}, new MockLambdaContext({ timeoutMs }));
  return { result, model };
}

/** The results that the model was sent in a call, counted from 1. */
export function resultsIn(
  model: MockProvider,
  call: number,
): readonly ToolResultBlock[] {
  const { messages = [] } = model.calls[call - 1]?.request ?? {};
  return (messages.at(-1)?.content ?? []).flatMap((block) =>
    "toolResult" in block ? [block.toolResult] : [],
  );
}
