import type { DurableContext } from "@aws/durable-execution-sdk-js";
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  test,
} from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import { checkpoint, type WithCheckpoint } from "@lambdallm/checkpoint";
import { durable } from "@lambdallm/checkpoint/durable";
import type { WithLLM } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import {
  type LocalBedrock,
  type LocalDurable,
  startBedrock,
  startDurable,
} from "@lambdallm/local";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { timeoutGuard } from "@lambdallm/timeout-guard";
import middy from "@middy/core";
import { executionModeDurableContext } from "@middy/core/DurableContext";
import type { Context as LambdaContext } from "aws-lambda";

type Context = DurableContext & WithLLM<true> & WithCheckpoint;
type OrdinaryContext = LambdaContext & WithLLM & WithCheckpoint;
type Handler = (event: { text: string }, context: Context) => Promise<unknown>;

let service: LocalDurable;
let model: LocalBedrock;
/** The function that is deployed. */
let deployed: (event: never, context: never) => Promise<unknown>;
/** What is left in its invocations, one after the other. */
let remainingMs: number[] = [];

beforeAll(async () => {
  model = await startBedrock({ respond: () => "Answer." });
  service = await startDurable({
    invoke: (event, { context }) => {
      const leftMs = remainingMs.shift() ?? 600_000;
      return deployed(
        event as never,
        { ...context, getRemainingTimeInMillis: () => leftMs } as never,
      );
    },
    skipTime: true,
  });
  // Middy's durable mode takes no client: it is found by the environment, as on Lambda.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_LAMBDA: service.url,
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: model.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
});

afterEach(() => {
  model.reset();
  remainingMs = [];
});

afterAll(async () => {
  await service.close();
  await model.close();
});

function deploy(handler: Handler, options: object = { host: durable() }) {
  // Four type arguments: with fewer the event is unknown.
  const chain = middy<{ text: string }, unknown, Error, Context>({
    executionMode: executionModeDurableContext,
    // Else a step that outlives the invocation would end the execution.
    timeoutEarlyInMillis: 0,
  });
  chain
    .use(bedrock({ durable: true }))
    .use(timeoutGuard({ strategy: "checkpoint", bufferMs: 1_000 }))
    .use(checkpoint(options))
    .handler(handler);
  // As Lambda calls it.
  deployed = chain as never;
}

describe("checkpoint({ host: durable() }) in Middy's durable mode", () => {
  test("has the journal on the service: no model call is repeated when the run goes on", async () => {
    deploy(async ({ text }, { journal, llm }) => {
      const first = await journal.step("first", () => llm.invoke(text));
      await journal.sleep("night", 8 * 3_600_000);
      const second = await journal.step("second", () => llm.invoke("More"));
      return { first, second, runId: journal.runId };
    });
    const execution = service.start({ text: "Hello" });
    expect(await execution.result).toEqual({
      status: "SUCCEEDED",
      result: { first: "Answer.", second: "Answer.", runId: execution.arn },
    });
    expect(execution.invocations).toHaveLength(2);
    expect(model.requests).toHaveLength(2);
  });

  test("waits for answers without a running process", async () => {
    deploy(async (_event, { journal }) => {
      const answer = await journal.ask("approve", async () => {});
      return { statusCode: 200, body: answer };
    });
    const execution = service.start({ text: "" });
    await execution.rest();
    service.answer(String(execution.callbacks[0]?.callbackId), "yes");
    // An HTTP response is a result like any other, and has no header with the run's id: nobody resumes it.
    expect((await execution.result).result).toEqual({
      statusCode: 200,
      body: "yes",
    });
  });

  test("puts steps off that have no time left, and leaves no model call behind", async () => {
    remainingMs = [2_200];
    deploy(async (_event, { journal, llm }) =>
      Promise.all(
        ["one", "two"].map((name) =>
          journal.step(name, () => llm.invoke(name)),
        ),
      ),
    );
    const execution = service.start({ text: "" });
    // Two seconds of the first invocation are kept free, and the model needs more than the rest.
    model.setFaults([{ latencyMs: 60_000 }, { latencyMs: 60_000 }]);
    expect((await execution.result).result).toEqual(["Answer.", "Answer."]);
    expect(execution.invocations.map(({ status }) => status)).toEqual([
      "PENDING",
      "SUCCEEDED",
    ]);
    const ends = model.requests.map(({ closed }) => closed);
    expect(await Promise.all(ends)).toMatchObject([
      { byClient: true },
      { byClient: true },
      { byClient: false },
      { byClient: false },
    ]);
  });

  test("ends with the error of the program", async () => {
    deploy(async (_event, { journal }) =>
      journal.step("broken", async () => {
        throw new Error("No.");
      }),
    );
    expect(await service.start({ text: "" }).result).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "StepFailure", ErrorMessage: "No." },
    });
  });

  test("says so when a model call outside of the steps has no time left", async () => {
    remainingMs = [1_200];
    model.setFaults([{ latencyMs: 1_000 }]);
    deploy(async (_event, { llm }) => llm.invoke("Hello"), {
      host: durable(),
      reserveMs: 100,
    });
    const { error } = await service.start({ text: "" }).result;
    expect(error?.ErrorMessage).toContain("put it into a step");
  });
});

describe("checkpoint({ host: durable() }) in other invocations", () => {
  const ordinary = (options: object) => {
    const chain = middy<object, unknown, Error, OrdinaryContext>();
    chain
      .use(new MockProvider().middleware())
      .use(checkpoint(options))
      .handler(async (_event, { journal }) => journal.step("a", async () => 1));
    // The middlewares add what is missing.
    return () => chain({}, new MockLambdaContext() as OrdinaryContext);
  };

  test("takes the store", async () => {
    const store = memoryStores();
    expect(await ordinary({ host: durable(), store })()).toBe(1);
  });

  test("is refused without one", async () => {
    await expect(ordinary({ host: durable() })()).rejects.toThrow(
      "checkpoint: this is no durable execution.",
    );
  });
});

test("durable() refuses options that it does not have", () => {
  expect(() => durable({ store: 1 } as never)).toThrow(
    'durable: there is no option "store"',
  );
});
