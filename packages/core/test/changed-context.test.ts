import { describe, expect, test } from "@jest/globals";
import type { LLMContext } from "@lambdallm/core";
import {
  changedContext,
  invocationOf,
  type ModelRequest,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { middyMajors } from "../../../test-support/middy.ts";
import { answerOf, PRICED, providerOf, run } from "./support.ts";

describe.each(middyMajors)("A changed context, on %s,", (_name, middy) => {
  const provider = () => providerOf(async () => answerOf("from the provider"));

  test("has the changed functions, and all else of the handler's", async () => {
    const requests: ModelRequest[] = [];
    await run(middy, [provider()], async (context) => {
      Object.assign(context, { customer: "Ada" });
      const { context: own, llm } = changedContext(
        context,
        invocationOf(context),
        {
          callModel: async (request) => {
            requests.push(request);
            return { ...answerOf("changed"), costUsd: 1, attempts: 1 };
          },
        },
      );
      expect(own.llm).toBe(llm);
      expect(await own.invoke("a")).toBe("changed");
      expect(await llm.invoke("a")).toBe("changed");
      expect(
        (
          await own.converse({
            messages: [{ role: "user", content: [{ text: "a" }] }],
          })
        ).text,
      ).toBe("changed");
      expect((await own.stream("a").response).text).toBe("changed");
      expect(requests).toHaveLength(4);
      expect(await context.invoke("a")).toBe("from the provider");
      expect(invocationOf(own)).toBe(invocationOf(context));
      expect(own.awsRequestId).toBe(context.awsRequestId);
      expect(Reflect.get(own, "customer")).toBe("Ada");
      expect(own.usage).toEqual(context.usage);
    });
  });

  test("leaves alone what is not the provider's: another invoke, as a durable context has one", async () => {
    const durable = providerMiddleware({
      provider: { name: "test", call: async () => answerOf("a") },
      defaults: { model: PRICED },
      durable: true,
    });
    await run(middy, [durable as never], async (context) => {
      const invoke = async () => "its own";
      Object.assign(context, { invoke });
      const changes = {
        callModel: async () => ({ ...answerOf("b"), costUsd: 1, attempts: 1 }),
      };
      const { context: own } = changedContext<object>(
        context,
        invocationOf(context),
        changes,
      );
      expect(Reflect.get(own, "invoke")).toBe(invoke);
      const llm: LLMContext = Reflect.get(own, "llm");
      expect(await llm.invoke("a")).toBe("b");
    });
  });

  test("decides as it is told about answers that the deadline cut off", async () => {
    const late = providerOf(async () =>
      answerOf("half", { stopReason: "timeout" }),
    );
    await run(middy, [late], async (context) => {
      const { llm } = changedContext(context, invocationOf(context), {
        timeIsUp: { timeoutStrategy: "truncate", journal: undefined },
      });
      expect(await llm.invoke("a")).toBe("half");
      await expect(context.invoke("a")).rejects.toThrow("the time was over");
    });
  });
});
