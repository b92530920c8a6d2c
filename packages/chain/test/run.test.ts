import { describe, expect, test } from "@jest/globals";
import { Chain, chain, Step } from "@lambdallm/chain";
import {
  ConfigurationError,
  ModelInvocationError,
  Prompt,
  StepFailure,
} from "@lambdallm/core";
import { memoryJournal } from "@lambdallm/core/stores";
import { MockProvider } from "@lambdallm/testing";
import {
  answering,
  inHandler,
  PRICED,
  providerOf,
  rejection,
} from "./support.ts";

const echo = () => answering((prompt) => `<${prompt}>`);

/** Work that begins when it is called, and ends when its gate is opened. */
function gates<Name extends string>(...names: readonly Name[]) {
  const all = new Map(
    names.map((name) => [
      name,
      {
        begun: Promise.withResolvers<void>(),
        end: Promise.withResolvers<string>(),
      },
    ]),
  );
  const of = (name: Name) => {
    const gate = all.get(name);
    if (gate === undefined) throw new Error(`No gate ${name}.`);
    return gate;
  };
  return {
    begun: (name: Name) => of(name).begun.promise,
    open: (name: Name) => of(name).end.resolve(name),
    func: (name: Name) => async () => {
      of(name).begun.resolve();
      return of(name).end.promise;
    },
  };
}

/** Later than every pending callback. */
const settled = () =>
  new Promise<void>((resolve) => {
    setImmediate(resolve);
  });

describe("The steps of a chain", () => {
  test("run at the same time when they do not depend on each other, and the next as soon as what it needs is there", async () => {
    const { begun, open, func } = gates("a", "b", "c", "ab");
    const order: string[] = [];
    const both = chain("both")
      .step({ name: "a", needs: [], func: func("a") })
      .step({ name: "b", needs: [], func: func("b") })
      .step({ name: "c", needs: [], func: func("c") })
      .step({ name: "ab", needs: ["a", "b"], func: func("ab") })
      .step({
        name: "all",
        func: ({ outputs }) => Object.values(outputs).join(""),
      });
    const running = inHandler((context) => both.run(context));
    await Promise.all([begun("a"), begun("b"), begun("c")]);
    void begun("ab").then(() => order.push("ab begins"));
    open("a");
    await settled();
    expect(order).toEqual([]);
    open("b");
    await begun("ab");
    order.push("c ends");
    open("c");
    open("ab");
    expect(order).toEqual(["ab begins", "c ends"]);
    expect((await running).finalOutput).toBe("abcab");
  });

  test("run as many at the same time as concurrency says; those that wait for others take no place", async () => {
    const { begun, open, func } = gates("a", "b", "c");
    let running = 0;
    let most = 0;
    const counted = (name: "a" | "b" | "c") => async () => {
      running += 1;
      most = Math.max(most, running);
      const value = await func(name)();
      running -= 1;
      return value;
    };
    const bounded = new Chain({
      name: "bounded",
      concurrency: 2,
      steps: [
        new Step({ name: "last", needs: ["c"], func: () => "last" }),
        new Step({ name: "other", needs: ["c"], func: () => "other" }),
        new Step({ name: "a", needs: [], func: counted("a") }),
        new Step({ name: "b", needs: [], func: counted("b") }),
        new Step({ name: "c", needs: [], func: counted("c") }),
      ],
    });
    const result = inHandler((context) => bounded.run(context));
    await Promise.all([begun("a"), begun("b")]);
    await settled();
    expect(running).toBe(2);
    open("a");
    await begun("c");
    open("b");
    open("c");
    expect((await result).status).toBe("completed");
    expect(most).toBe(2);
  });

  test("that are functions wait for all before them", async () => {
    const { begun, open, func } = gates("a");
    let ran = false;
    const waiting = chain("waiting")
      .step({ name: "a", needs: [], func: func("a") })
      .step({
        name: "b",
        func: () => {
          ran = true;
        },
      });
    const running = inHandler((context) => waiting.run(context));
    await begun("a");
    await settled();
    expect(ran).toBe(false);
    open("a");
    expect((await running).outputs).toEqual({ a: "a", b: undefined });
    expect(ran).toBe(true);
  });

  test("get what they need, and nothing else", async () => {
    const seen: unknown[] = [];
    const { outputs } = await inHandler((context) =>
      chain<{ text: string }>("needs")
        .step({ name: "a", func: () => 1 })
        .step({ name: "b", func: () => 2 })
        .step({
          name: "c",
          needs: ["b"],
          func: ({ variables, outputs: before, info }) => {
            seen.push(variables, before, info.attempt, info.costUsd);
            return info.key;
          },
        })
        .run(
          context,
          { text: "T" },
          { journal: memoryJournal({ runId: "r" }) },
        ),
    );
    expect(seen).toEqual([{ text: "T" }, { b: 2 }, 1, 0]);
    expect(outputs).toEqual({ a: 1, b: 2, c: expect.stringMatching(/^r\//) });
  });

  test("give what JSON makes of it, as on every host", async () => {
    const { outputs } = await inHandler((context) =>
      chain("json")
        .step({ name: "a", func: () => ({ at: new Date(0), none: undefined }) })
        .step({ name: "b", func: ({ outputs: { a } }) => typeof a?.at })
        .run(context),
    );
    expect(outputs).toEqual({
      a: { at: "1970-01-01T00:00:00.000Z" },
      b: "string",
    });
  });

  test("call models with their own settings, and the name of the chain and of the step", async () => {
    const model = echo();
    await inHandler(
      (context) =>
        chain("tagged")
          .step({
            name: "a",
            prompt: new Prompt({ template: "p", name: "mine", maxTokens: 7 }),
            temperature: 0,
            model: PRICED,
          })
          .step({
            name: "b",
            func: async ({ context: own, llm }) => [
              await own.invoke("from the context"),
              await own.llm.invoke("from its llm"),
              await llm.invoke("from llm", {}, { tags: { mine: "yes" } }),
            ],
          })
          .run(context),
      { provider: model.middleware() },
    );
    expect(
      model.calls.map(({ request: { temperature, maxTokens, tags } }) => ({
        temperature,
        maxTokens,
        tags,
      })),
    ).toEqual([
      {
        temperature: 0,
        maxTokens: 7,
        tags: {
          "chain.name": "tagged",
          "chain.step": "a",
          "prompt.name": "mine",
          "prompt.version": "1.0.0",
        },
      },
      ...[{}, {}, { mine: "yes" }].map((tags) => ({
        temperature: undefined,
        maxTokens: undefined,
        tags: { "chain.name": "tagged", "chain.step": "b", ...tags },
      })),
    ]);
  });

  test("have in their context whatever the handler has in its own", async () => {
    const { outputs } = await inHandler((context) => {
      Object.assign(context, { customer: "Ada" });
      return chain("context")
        .step({
          name: "a",
          func: ({ context: own }) => [
            Reflect.get(own, "customer"),
            own.remainingTimeMs > 0,
            Reflect.get(own, "awsRequestId") === context.awsRequestId,
          ],
        })
        .run(context);
    });
    expect(outputs.a).toEqual(["Ada", true, true]);
  });

  test("give validated values where they have a schema, whose fields others insert", async () => {
    const model = answering((prompt) =>
      prompt.startsWith("List")
        ? { value: { title: "T", facts: ["one", "{two}"] } }
        : prompt,
    );
    const { outputs } = await inHandler(
      (context) =>
        chain("structured")
          .step({
            name: "facts",
            prompt: "List facts of {text}",
            outputSchema: { title: "string", facts: ["string"] },
          })
          .step({
            name: "all",
            prompt:
              "{facts.output.title}: {facts.output.facts.1} of {facts.output}",
          })
          .run(context, { text: "{text} $&" }),
      { provider: model.middleware() },
    );
    expect(outputs.all).toBe(
      'T: {two} of {"title":"T","facts":["one","{two}"]}',
    );
    expect(model.calls[0]?.prompt).toBe("List facts of {text} $&");
  });

  test("take a Prompt with schemas of its own, or another one for this step", async () => {
    const model = answering((prompt) => ({
      value: prompt.startsWith("Of") ? { title: "T" } : { label: "L" },
    }));
    const prompt = new Prompt({
      template: "Of {text} in {words} words",
      inputSchema: { text: "string", words: "integer?" },
      outputSchema: { title: "string" },
    });
    const other = new Prompt({ template: "Label: {own.output.title}" });
    const labelled = chain("prompts")
      .step({ name: "own", prompt })
      .step({
        name: "label",
        prompt: other,
        outputSchema: { label: "string" },
      });
    const { outputs } = await inHandler(
      (context) =>
        labelled.run(context, { text: "a text", more: 5 } as { text: string }),
      { provider: model.middleware() },
    );
    expect(outputs).toEqual({ own: { title: "T" }, label: { label: "L" } });
    expect(model.calls.map((call) => call.prompt)).toEqual([
      "Of a text in  words",
      "Label: T",
    ]);
    const refused = await inHandler(
      (context) => labelled.run(context, { text: 5 as never }),
      { provider: model.middleware() },
    );
    expect(refused.error).toMatchObject({ step: "own", code: "CONFIGURATION" });
    expect(model.totalCalls).toBe(2);
  });

  test("do not run when their condition says no: what they leave is nothing", async () => {
    const model = echo();
    const { steps, outputs, status } = await inHandler(
      (context) =>
        chain<{ polish: boolean }>("conditions")
          .step({ name: "draft", prompt: "Draft" })
          .step({
            name: "polished",
            prompt: "Polish: {draft.output}",
            condition: ({ outputs: { draft }, variables }) =>
              variables.polish && draft.length > 3,
          })
          .step({
            name: "end",
            prompt: "[{polished.output}] of [{draft.output}]",
          })
          .step({
            name: "seen",
            func: ({ outputs: all }) => Object.keys(all).length,
          })
          .run(context, { polish: false }),
      { provider: model.middleware() },
    );
    expect(status).toBe("completed");
    expect(steps[1]).toEqual({
      name: "polished",
      status: "skipped",
      costUsd: 0,
    });
    expect(outputs).toEqual({
      draft: "<Draft>",
      polished: undefined,
      end: "<[] of [<Draft>]>",
      seen: 3,
    });
  });

  test("insert nothing for what an output leaves out", async () => {
    const model = answering((prompt) =>
      prompt === "facts" ? { value: { title: "T", by: {} } } : prompt,
    );
    const { finalOutput } = await inHandler(
      (context) =>
        chain("optional")
          .step({
            name: "facts",
            prompt: "facts",
            outputSchema: {
              title: "string",
              sub: "string?",
              by: { name: "string?" },
            },
          })
          .step({ name: "none", func: () => null })
          .step({
            name: "empty",
            func: () => ({ list: [null] }) as Record<string, unknown>,
          })
          .step({
            name: "all",
            prompt:
              "{facts.output.title}[{facts.output.sub}][{facts.output.by.name}][{none.output}][{empty.output.toString}][{empty.output.list.0}]",
          })
          .run(context),
      { provider: model.middleware() },
    );
    expect(finalOutput).toBe("T[][][][][]");
  });
});

describe("A step that fails", () => {
  test("is the chain's failure; what needs it does not run, and the others do", async () => {
    const ran: string[] = [];
    const failing = chain("failing")
      .step({
        name: "bad",
        func: () => {
          throw Object.assign(new Error("It broke."), {
            code: "BROKEN",
            statusCode: 418,
          });
        },
      })
      .step({ name: "needs", needs: ["bad"], func: () => ran.push("needs") })
      .step({ name: "deep", needs: ["needs"], func: () => ran.push("deep") })
      .step({
        name: "other",
        needs: [],
        func: () => {
          ran.push("other");
          return 5;
        },
      });
    const result = await inHandler((context) => failing.run(context));
    expect(result).toMatchObject({
      status: "failed",
      outputs: { other: 5 },
      finalOutput: 5,
      totalCostUsd: 0,
      steps: [
        { name: "bad", status: "failed" },
        { name: "needs", status: "not-run" },
        { name: "deep", status: "not-run" },
        { name: "other", status: "completed" },
      ],
    });
    expect(result.error).toBeInstanceOf(StepFailure);
    expect(result.error).toMatchObject({
      step: "bad",
      code: "BROKEN",
      message: "It broke.",
      statusCode: 418,
      retryable: false,
    });
    expect(ran).toEqual(["other"]);
  });

  test("names itself where its condition throws", async () => {
    const { error, steps } = await inHandler((context) =>
      chain("failing")
        .step({
          name: "bad",
          func: () => 5,
          condition: () => {
            throw new TypeError("No.");
          },
        })
        .run(context),
    );
    expect(error).toMatchObject({ step: "bad", code: "TypeError" });
    expect(steps[0]?.costUsd).toBe(0);
    const late = await inHandler((context) =>
      chain("failing")
        .step({
          name: "bad",
          func: () => 5,
          // Without types anything goes.
          condition: (async () => false) as never,
        })
        .run(context),
    );
    expect(late.error).toMatchObject({
      step: "bad",
      code: "CONFIGURATION",
      message: expect.stringContaining("returned a promise"),
    });
  });

  const throttled = new ModelInvocationError("Slow down.", {
    reason: "throttled",
    model: PRICED,
    retryable: true,
  });

  test("is tried again as often as it says, when it failed for a moment", async () => {
    const model = new MockProvider({
      responses: [throttled, throttled, "done"],
    });
    const retried = chain("retried").step({
      name: "a",
      prompt: "p",
      retries: 2,
    });
    const result = await inHandler((context) => retried.run(context), {
      provider: model.middleware(),
    });
    expect(result.finalOutput).toBe("done");
    expect(model.totalCalls).toBe(3);
  });

  test("is not tried again more often, without being told to, or for what will not pass", async () => {
    const always = new MockProvider({ responses: [throttled] });
    const result = await inHandler(
      (context) =>
        chain("retried")
          .step({ name: "a", prompt: "p", retries: 1 })
          .step({ name: "b", prompt: "p" })
          .run(context),
      { provider: always.middleware() },
    );
    expect(always.totalCalls).toBe(3);
    expect(result.steps.map(({ error }) => error?.code)).toEqual([
      "MODEL_INVOCATION",
      "MODEL_INVOCATION",
    ]);
    expect(result.error?.step).toBe("a");
    const refused = new MockProvider({
      responses: [
        new ModelInvocationError("No.", {
          reason: "access-denied",
          model: PRICED,
        }),
      ],
    });
    await inHandler(
      (context) =>
        chain("retried")
          .step({ name: "a", prompt: "p", retries: 5 })
          .run(context),
      { provider: refused.middleware() },
    );
    expect(refused.totalCalls).toBe(1);
  });

  test("is tried again as its own rule says", async () => {
    let attempts = 0;
    const { outputs } = await inHandler((context) =>
      chain("retried")
        .step({
          name: "a",
          func: () => {
            attempts += 1;
            if (attempts < 3) throw new Error("Not yet.");
            return attempts;
          },
          retry: (error, attempt) =>
            error.message === "Not yet." && attempt < 5 && { delayMs: 0 },
        })
        .run(context),
    );
    expect(outputs.a).toBe(3);
  });

  test("counts with what it has cost, and so do its earlier attempts", async () => {
    const partly = new ModelInvocationError("Broken.", {
      reason: "interrupted",
      model: PRICED,
      retryable: true,
      billed: "partial",
      partial: {
        message: { role: "assistant", content: [{ text: "half" }] },
        text: "half",
        stopReason: "end_turn",
        usage: {
          inputTokens: 1_000_000,
          outputTokens: 0,
          totalTokens: 1_000_000,
          cacheReadInputTokens: 0,
          cacheWriteInputTokens: 0,
        },
        model: PRICED,
        latencyMs: 1,
      },
    });
    const result = await inHandler(
      (context) =>
        chain("costs")
          .step({ name: "a", prompt: "p", retries: 1 })
          .run(context),
      { provider: new MockProvider({ responses: [partly] }).middleware() },
    );
    expect(result.status).toBe("failed");
    expect(result.steps[0]?.costUsd).toBe(2);
    expect(result.totalCostUsd).toBe(2);
  });

  test("leaves a total that is not known when its price is not", async () => {
    const { totalCostUsd, steps } = await inHandler(
      (context) =>
        chain("costs")
          .step({ name: "a", prompt: "p", model: "a.model-of-no-price" })
          .step({ name: "b", prompt: "p" })
          .run(context),
      { provider: echo().middleware() },
    );
    expect(totalCostUsd).toBeUndefined();
    expect(steps[0]?.costUsd).toBeUndefined();
    expect(steps[1]?.costUsd).toBeGreaterThan(0);
    const failed = await inHandler((context) =>
      chain("costs")
        .step({
          name: "a",
          func: async ({ llm }) => {
            await llm.invoke("p", {}, { model: "a.model-of-no-price" });
            throw new Error("No.");
          },
        })
        .run(context),
    );
    expect(failed.totalCostUsd).toBeUndefined();
    expect(failed.error?.costUsd).toBeUndefined();
  });
});

describe("A run of a chain", () => {
  const report = chain("report")
    .step({ name: "summary", prompt: "Summarize: {text}" })
    .step({ name: "title", prompt: "For {user.name}: {summary.output}" });

  test.each<[variables: object, message: string]>([
    [
      { txet: "a", user: { name: "Ada" } },
      'Chain "report": the step "summary" uses the variable "text", which is missing. Did you mean "txet"?',
    ],
    [
      { text: "a", user: {} },
      'Chain "report": the step "title" uses the variable "user.name", which is missing.',
    ],
    [
      { text: null, user: { name: "Ada" } },
      'Chain "report": the step "summary" uses the variable "text", which is missing.',
    ],
  ])("with %j sends nothing", async (variables, message) => {
    const model = echo();
    const error = await inHandler(
      (context) => rejection(report.run(context, variables as never)),
      { provider: model.middleware() },
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty("message", message);
    expect(model.totalCalls).toBe(0);
  });

  test("refuses variables and options that are none", async () => {
    await inHandler(async (context) => {
      expect(
        await rejection(report.run(context, "text" as never)),
      ).toHaveProperty(
        "message",
        'Chain "report": the variables must be an object.',
      );
      expect(
        await rejection(
          report.run(context, { text: "a", user: { name: "b" } }, {
            singal: 5,
          } as never),
        ),
      ).toHaveProperty(
        "message",
        'Chain "report".run: there is no option "singal". Options: journal, signal.',
      );
    });
  });

  test("needs a provider", async () => {
    expect(
      await rejection(report.run({} as never, { text: "a", user: {} })),
    ).toHaveProperty("message", expect.stringContaining("add .use(bedrock())"));
  });

  test("is refused in a step, which cannot contain others", async () => {
    const { error } = await inHandler((context) =>
      chain("outer")
        .step({
          name: "inner",
          func: async () =>
            report.run(context, { text: "a", user: { name: "b" } }),
        })
        .run(context),
    );
    expect(error).toMatchObject({
      step: "inner",
      code: "CONFIGURATION",
      message: expect.stringContaining("a step cannot contain others"),
    });
  });

  test("ends with its signal, and what was done stays done", async () => {
    const journal = memoryJournal();
    const controller = new AbortController();
    let aFinished = 0;
    const aborted = chain("aborted")
      .step({
        name: "a",
        func: () => {
          aFinished += 1;
          return "A";
        },
      })
      .step({ name: "b", prompt: "p" });
    const provider = providerOf(
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
          controller.abort(new Error("Enough."));
        }),
    );
    await inHandler(
      async (context) => {
        expect(
          await rejection(
            aborted.run(context, {}, { journal, signal: controller.signal }),
          ),
        ).toHaveProperty("message", "Enough.");
        expect(
          await rejection(
            aborted.run(context, {}, { signal: controller.signal }),
          ),
        ).toHaveProperty("message", "Enough.");
      },
      { provider },
    );
    const result = await inHandler(
      (context) => aborted.run(context, {}, { journal: journal.resume() }),
      { provider: new MockProvider({ responses: ["B"] }).middleware() },
    );
    expect(result.outputs).toEqual({ a: "A", b: "B" });
    expect(aFinished).toBe(1);
  });

  test("goes on at the same time as another one of the same invocation", async () => {
    const results = await inHandler(
      (context) =>
        Promise.all(
          ["x", "y"].map((text) =>
            report.run(context, { text, user: { name: "Ada" } }),
          ),
        ),
      { provider: echo().middleware() },
    );
    expect(results.map(({ outputs }) => outputs.summary)).toEqual([
      "<Summarize: x>",
      "<Summarize: y>",
    ]);
  });

  test("fails when its journal cannot keep the names of the steps", async () => {
    const error = await inHandler((context) =>
      rejection(
        report.run(
          context,
          { text: "a", user: { name: "b" } },
          { journal: memoryJournal({ maxResultBytes: 1 }) },
        ),
      ),
    );
    expect(error).toMatchObject({ code: "RESULT_TOO_LARGE", step: "report" });
  });
});
