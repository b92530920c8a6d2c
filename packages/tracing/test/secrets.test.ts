import { afterEach, describe, expect, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import { Chain, Step } from "@lambdallm/chain";
import checkpoint, { type WithCheckpoint } from "@lambdallm/checkpoint";
import { Model, ModelInvocationError, Prompt } from "@lambdallm/core";
import { usageOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import retryFallback from "@lambdallm/retry-fallback";
import session, { type WithSession } from "@lambdallm/session";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import tracing, { Tracer } from "@lambdallm/tracing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  calling,
  type HandlerContext,
  rejection,
  setUp,
  tearDown,
} from "./support.ts";

const SECRET = "S3CRET";
const secret = (what: string) => `${SECRET} ${what}`;

afterEach(tearDown);

/** An error that nobody of this suite has made, with a secret wherever it can have one. */
const foreign = () =>
  Object.assign(new Error(secret("error"), { cause: secret("cause") }), {
    name: secret("name"),
    code: secret("code"),
  });

const failure = (reason: string) =>
  new ModelInvocationError("The model failed.", {
    ...{ reason, model: Model.CLAUDE_HAIKU_4_5, retryable: true },
    serviceMessage: secret("service"),
    cause: foreign(),
    partial: {
      message: { role: "assistant", content: [{ text: secret("partial") }] },
      ...{ text: secret("partial"), stopReason: "end_turn" },
      ...{ usage: usageOf(1, 1), model: "m", latencyMs: 1 },
    },
  });

const look = tool({
  name: "look",
  description: "Looks.",
  input: { page: "string" },
  run: ({ page }) => {
    if (page.includes("fail")) throw foreign();
    return secret("result");
  },
});

describe.each(middyMajors)("Nothing of what was said on %s", (_name, middy) => {
  test("is in any span, whatever is done, and however it fails", async () => {
    const sdk = setUp();
    const model = new MockProvider({
      responses: [
        secret("answer"),
        secret("streamed"),
        { value: { a: secret("value") } },
        secret("chat"),
        calling(
          ["look", { page: secret("page") }],
          ["look", { page: secret("fail") }],
        ),
        secret("agent's answer"),
        secret("chain"),
        failure("throttled"),
        failure("invalid-request"),
        foreign(),
        foreign(),
      ],
    });
    type Context = HandlerContext & WithSession & WithCheckpoint;
    const store = memoryStores();
    const chain = middy<object, unknown, Error, Context>();
    chain.use({ ...model.middleware() });
    chain.use({ ...tracing() });
    chain.use({ ...checkpoint({ store }) });
    chain.use({ ...session({ store, id: () => "session-1" }) });
    chain.use({ ...retryFallback({ maxRetries: 1, baseDelayMs: 1 }) });
    chain.handler(async (_event, context) => {
      const system = secret("system");
      const { llm } = context;
      await llm.invoke(
        secret("{prompt}"),
        { prompt: secret("variable") },
        {
          system,
          stopSequences: ["end"],
        },
      );
      for await (const _piece of llm.stream(secret("stream")));
      const prompt = new Prompt({
        ...{ name: "named", version: "1", template: secret("template") },
      });
      await llm.invokeStructured(prompt, { a: "string" }, {});
      await context.chat(secret("message"));
      const agent = new Agent({
        ...{ name: "agent", systemPrompt: system, tools: [look] },
      });
      await agent.run(secret("question"), context);
      await new Chain({
        name: "chain",
        steps: [
          new Step({ name: "first", prompt: secret("step") }),
          new Step({
            name: "second",
            needs: ["first"],
            func: () => {
              throw foreign();
            },
          }),
        ],
      }).run(context, {});
      await rejection(llm.invoke(secret("throttled")));
      await rejection(llm.invoke(secret("foreign")));
      await rejection(
        context.journal.step("failing", async () => {
          throw foreign();
        }),
      );
      await rejection(
        new Tracer().span("own", async () => {
          await context.journal.step("own", () => llm.invoke(secret("own")));
        }),
      );
    });
    await chain({}, new MockLambdaContext() as unknown as Context);

    const names = new Set(sdk.spans.map(({ name }) => name));
    expect([...names].sort()).toEqual([
      "attempt",
      `chat ${Model.CLAUDE_HAIKU_4_5}`,
      "execute_tool look",
      "invoke_agent agent",
      "invoke_workflow chain",
      "own",
    ]);
    expect(model.totalCalls).toBeGreaterThan(10);
    expect(sdk.text()).not.toContain(SECRET);
    // What was searched would have had it.
    expect(sdk.text()).toContain("session-1");
  });
});
