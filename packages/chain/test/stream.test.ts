import { describe, expect, test } from "@jest/globals";
import { Chain, chain, Step, type StepEvent } from "@lambdallm/chain";
import {
  ModelInvocationError,
  StepFailure,
  Suspended,
  toResponseBody,
} from "@lambdallm/core";
import { memoryJournal } from "@lambdallm/core/stores";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answering,
  type HandlerContext,
  inHandler,
  PRICED,
  providerOf,
  rejection,
} from "./support.ts";

const pieces = () =>
  answering((prompt) => ({ pieces: [...prompt.split(" ")] }));

const report = chain("report")
  .step({ name: "summary", prompt: "{text}" })
  .step({ name: "title", prompt: "a b {summary.output}" });

/** What an iteration brings: texts, and events in short; and at its end what it has failed with. */
async function read(
  stream: AsyncIterable<string | StepEvent>,
): Promise<unknown[]> {
  const seen: unknown[] = [];
  try {
    for await (const piece of stream)
      seen.push(
        typeof piece === "string" ? piece : `${piece.step} ${piece.status}`,
      );
  } catch (error) {
    seen.push(error);
  }
  return seen;
}

describe.each(middyMajors)("The stream of a chain, on %s,", (_name, middy) => {
  test("brings the text of the last step while it is written, and tells of each step", async () => {
    const model = pieces();
    await inHandler(
      async (context) => {
        const stream = report.stream(context, { text: "c" });
        expect(await read(stream)).toEqual([
          "summary started",
          "summary completed",
          "title started",
          "a",
          "b",
          "c",
          "title completed",
        ]);
        expect(await stream.result).toMatchObject({
          status: "completed",
          outputs: { summary: "c", title: "abc" },
          finalOutput: "abc",
        });
      },
      { middy, provider: model.middleware() },
    );
    expect(
      model.calls.map(({ request }) => request.onDelta === undefined),
    ).toEqual([true, false]);
  });

  test.each<[format: "sse" | "ndjson" | "text", body: RegExp]>([
    [
      "ndjson",
      /^\{"object":\{"step":"summary","status":"started"\}\}\n[\s\S]*\{"text":"a"\}\n\{"text":"b"\}\n\{"text":"c"\}\n[\s\S]*"done"/,
    ],
    ["sse", /^data: \{"object":\{"step":"summary"[\s\S]*data: \{"text":"a"\}/],
    ["text", /^abc$/],
  ])("fits into a response in the format %s", async (format, body) => {
    await inHandler(
      async (context) => {
        const stream = report.stream(context, { text: "c" });
        let text = "";
        for await (const chunk of toResponseBody(
          format === "text" ? stream.text : stream,
          { format },
        ))
          text += chunk;
        expect(text).toMatch(body);
      },
      { middy, provider: pieces().middleware() },
    );
  });
});

describe("The stream of a chain", () => {
  const streamed = <Result>(
    work: (context: HandlerContext) => Promise<Result>,
    model = pieces(),
  ) => inHandler(work, { provider: model.middleware() });

  test("brings what the last step gives in one piece when it is a function, and as JSON when it is no text", async () => {
    await streamed(async (context) => {
      const text = chain("a").step({ name: "a", func: () => "a text" });
      expect(await read(text.stream(context))).toContain("a text");
      const value = chain("a").step({ name: "a", func: () => ({ b: 5 }) });
      expect(await read(value.stream(context).text)).toEqual(['{"b":5}']);
      const nothing = chain("a").step({ name: "a", func: () => {} });
      expect(await read(nothing.stream(context).text)).toEqual([]);
    });
  });

  test("brings what was recorded at once", async () => {
    const journal = memoryJournal();
    const model = pieces();
    await streamed(async (context) => {
      await report.run(context, { text: "c" }, { journal });
      const stream = report.stream(
        context,
        { text: "c" },
        { journal: journal.resume() },
      );
      expect(await read(stream)).toEqual([
        "summary completed",
        "abc",
        "title completed",
      ]);
    }, model);
    expect(model.totalCalls).toBe(2);
  });

  test("ends with the failure of a step", async () => {
    const failing = chain("failing")
      .step({
        name: "bad",
        func: () => {
          throw new Error("No.");
        },
      })
      .step({ name: "title", prompt: "{bad.output}" });
    await streamed(async (context) => {
      const stream = failing.stream(context);
      const seen = await read(stream);
      expect(seen.slice(0, -1)).toEqual([
        "bad started",
        "bad failed",
        "title not-run",
      ]);
      expect(seen.at(-1)).toBeInstanceOf(StepFailure);
      expect(seen.at(-1)).toMatchObject({ step: "bad", message: "No." });
      expect(await rejection(stream.result)).toBe(seen.at(-1));
    });
  });

  test("ends without an error where the deadline has cut the text off", async () => {
    const cut = new Chain({
      name: "cut",
      timeoutStrategy: "truncate",
      steps: [new Step({ name: "a", prompt: "p" })],
    });
    const provider = providerOf(async (request) => {
      request.onDelta?.({ kind: "text", text: "ha" });
      request.onDelta?.({ kind: "text", text: "lf" });
      return {
        message: { role: "assistant", content: [{ text: "half" }] },
        text: "half",
        stopReason: "timeout",
        usage: {
          inputTokens: 1,
          outputTokens: 1,
          totalTokens: 2,
          cacheReadInputTokens: 0,
          cacheWriteInputTokens: 0,
        },
        model: PRICED,
        latencyMs: 1,
      };
    });
    await inHandler(
      async (context) => {
        const stream = cut.stream(context);
        expect(await read(stream)).toEqual([
          "a started",
          "ha",
          "lf",
          "a truncated",
        ]);
        expect(await stream.result).toMatchObject({
          status: "truncated",
          finalOutput: "half",
        });
      },
      { provider },
    );
  });

  test("is not tried again once a piece of the text was seen; before that, as the step says", async () => {
    const error = new ModelInvocationError("Lost.", {
      reason: "connection",
      model: PRICED,
      retryable: true,
    });
    const retried = chain("retried").step({
      name: "a",
      prompt: "p",
      retries: 2,
    });
    const begun = new MockProvider({
      responses: [{ pieces: ["half"], error }, "whole"],
    });
    await streamed(async (context) => {
      const seen = await read(retried.stream(context));
      expect(seen.slice(0, 3)).toEqual(["a started", "half", "a failed"]);
    }, begun);
    expect(begun.totalCalls).toBe(1);
    const unseen = new MockProvider({ responses: [error, "whole"] });
    await streamed(async (context) => {
      expect(await read(retried.stream(context).text)).toEqual(["whole"]);
    }, unseen);
    expect(unseen.totalCalls).toBe(2);
  });

  test("ends the run when its loop is left, with its text as well", async () => {
    for (const textOnly of [true, false]) {
      const signals: AbortSignal[] = [];
      await streamed(async (context) => {
        const endless = chain("endless")
          .step({
            name: "a",
            needs: [],
            func: ({ info }) => {
              signals.push(info.signal);
              return new Promise<string>(() => {});
            },
          })
          .step({ name: "b", needs: [], prompt: "a b" });
        const stream = endless.stream(context);
        for await (const piece of textOnly ? stream.text : stream)
          if (piece === "a") break;
        expect(await rejection(stream.result)).toHaveProperty(
          "name",
          "AbortError",
        );
      });
      expect(signals[0]?.aborted).toBe(true);
    }
  });

  test("ends with its caller's signal", async () => {
    const controller = new AbortController();
    await streamed(async (context) => {
      const stream = report.stream(
        context,
        { text: "c" },
        { signal: controller.signal },
      );
      controller.abort(new Error("Enough."));
      expect((await read(stream)).at(-1)).toHaveProperty("message", "Enough.");
    });
  });

  test("tells of a variable that is missing before the first byte", async () => {
    await streamed(async (context) => {
      const stream = report.stream(context, {} as never);
      expect(await rejection(stream.started)).toHaveProperty(
        "message",
        expect.stringContaining('"text", which is missing'),
      );
    });
  });

  test("lets a suspended run through", async () => {
    await streamed(async (context) => {
      const stream = chain("suspended")
        .step({
          name: "a",
          func: () => {
            throw new Suspended("r", {});
          },
        })
        .stream(context);
      expect((await stream.result).status).toBe("checkpointed");
    });
  });
});
