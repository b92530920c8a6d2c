import { describe, expect, test } from "@jest/globals";
import { invocationOf } from "@lambdallm/core/feature";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  type HandlerContext,
  providerOf,
  rejection,
  run,
  settled,
} from "./support.ts";

const methods: readonly [
  name: string,
  call: (context: HandlerContext) => Promise<unknown>,
][] = [
  ["invoke", ({ invoke }) => invoke("fails")],
  ["invokeStructured", (c) => c.invokeStructured("fails", { a: "string" })],
  [
    "converse",
    ({ converse }) =>
      converse({ messages: [{ role: "user", content: [{ text: "fails" }] }] }),
  ],
  ["countTokens", ({ countTokens }) => countTokens({ messages: [] })],
];

describe.each(middyMajors)("Calls side by side on %s", (_name, middy) => {
  const failure = new Error("No.");
  const model = () => {
    const slow = Promise.withResolvers<void>();
    const middleware = providerOf(async ({ messages: [message] }) => {
      if (JSON.stringify(message).includes("fails")) throw failure;
      await slow.promise;
      return answerOf("slow");
    });
    return { middleware, letGo: () => slow.resolve() };
  };

  test.each(methods)(
    "a failure of %s before it is awaited is no unhandled rejection, and is there when it is",
    async (_method, call) => {
      const { middleware, letGo } = model();
      await run(middy, [middleware], async (context) => {
        const first = context.invoke("slow");
        const second = call(context);
        // By then it has failed, and nobody has looked at it.
        await settled();
        letGo();
        expect(await first).toBe("slow");
        expect(await rejection(second)).toBeInstanceOf(Error);
      });
    },
  );

  test("a failure that nobody awaits is seen by those who listen", async () => {
    const { middleware } = model();
    const heard: unknown[] = [];
    await run(middy, [middleware], async (context) => {
      invocationOf(context).events.on("call-error", ({ error }) => {
        heard.push(error);
      });
      context.invoke("fails");
      await settled();
    });
    expect(heard).toEqual([failure]);
  });
});
