import { setTimeout as wait } from "node:timers/promises";
import { chain } from "@lambdallm/chain";
import { providerMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";

/** Answers after as many milliseconds as the prompt says. */
const provider = providerMiddleware({
  defaults: { model: "amazon.nova-micro-v1:0" },
  provider: {
    name: "benchmark",
    async call(request) {
      const [block] = request.messages.at(-1)?.content ?? [];
      const text = block !== undefined && "text" in block ? block.text : "";
      await wait(Number(/^\d+/.exec(String(text))?.[0]));
      const usage = {
        inputTokens: 1,
        outputTokens: 1,
        totalTokens: 2,
        cacheReadInputTokens: 0,
        cacheWriteInputTokens: 0,
      };
      return {
        message: { role: "assistant", content: [{ text: "done" }] },
        text: "done",
        stopReason: "end_turn",
        usage,
        model: request.model,
        latencyMs: 1,
      };
    },
  },
});

const program = chain("three and one")
  .step({ name: "slow", prompt: "300 {input}" })
  .step({ name: "middle", prompt: "200 {input}" })
  .step({ name: "quick", prompt: "100 {input}" })
  .step({
    name: "join",
    prompt: "200 {slow.output} {middle.output} {quick.output}",
  });

const handler = middy()
  .use(provider)
  .handler(async (_event, context) => program.run(context, { input: "text" }));

export async function runChain(): Promise<void> {
  const { status } = await handler({}, new MockLambdaContext());
  if (status !== "completed") throw new Error(`The chain is ${status}.`);
}
