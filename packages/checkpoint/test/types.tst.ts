import bedrock from "@lambdallm/bedrock";
import checkpoint, {
  type CheckpointJournal,
  checkpointJournal,
  type SuspendedRun,
} from "@lambdallm/checkpoint";
import type { Journal, Settled, WaitingFor } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import session from "@lambdallm/session";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

interface RunEvent {
  readonly body: { readonly runId?: string; readonly text: string };
}

const store = memoryStores();

describe("Middy 7", () => {
  test("the handler's context has the journal and the model functions, and the event keeps its type", () => {
    middy7<RunEvent>()
      .use(bedrock())
      .use(checkpoint({ store, runId: (event) => event.body.runId }))
      .handler(async (event, context) => {
        expect(event).type.toBe<RunEvent>();
        expect(context.journal).type.toBe<Journal>();
        expect(context.llm.journal).type.toBe<Journal>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
        expect(context.awsRequestId).type.toBe<string>();
        const { journal } = context;
        expect(journal.step("a", async () => 1)).type.toBe<Promise<number>>();
        expect(journal.all("b", [async (branch) => branch.runId])).type.toBe<
          Promise<Settled<string>[]>
        >();
      });
  });

  test("and in an array, beside others", () => {
    middy7<RunEvent>()
      .use([
        bedrock(),
        session({ store, id: () => "s1" }),
        checkpoint({ store }),
      ])
      .handler(async (event, context) => {
        expect(event.body.text).type.toBe<string>();
        expect(context.journal).type.toBe<Journal>();
        expect(context.chat("Hi")).type.toBe<Promise<string>>();
      });
  });

  test("a durable handler has it on context.llm", () => {
    middy7()
      .use(bedrock({ durable: true }))
      .use(checkpoint({ store }))
      .handler(async (_event, context) => {
        expect(context.llm.journal).type.toBe<Journal>();
        expect(context.llm.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});

describe("Middy 6", () => {
  test("the handler's context has the journal and the model functions, and the event keeps its type", () => {
    middy6<RunEvent>()
      .use(bedrock())
      .use(checkpoint({ store }))
      .handler(async (event, context) => {
        expect(event).type.toBe<RunEvent>();
        expect(context.journal).type.toBe<Journal>();
        expect(context.llm.journal).type.toBe<Journal>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});

test("options are typed, and the event when it is named", () => {
  expect(checkpoint).type.toBeCallableWith();
  expect(checkpoint).type.toBeCallableWith({ store });
  expect(checkpoint).type.toBeCallableWith({
    store: dynamoDBStore({ tableName: "t" }),
    tenant: () => "acme",
    idempotencyKey: () => undefined,
    reserveMs: 1,
    leaseMs: 1,
    maxStarts: 1,
    maxResultBytes: 1,
    ttlHours: 1,
    blobStore: { put: async () => {}, get: async () => new Uint8Array() },
    onSuspend: async () => {},
  });
  expect(checkpoint<RunEvent>).type.toBeCallableWith({
    store,
    runId: (event: RunEvent) => event.body.runId,
    idempotencyKey: (event: RunEvent) => event.body.text,
  });
  expect(checkpoint<RunEvent>).type.not.toBeCallableWith({
    store,
    runId: (event: { readonly user: string }) => event.user,
  });
  expect(checkpoint).type.not.toBeCallableWith({ store: {} });
  expect(checkpoint).type.not.toBeCallableWith({ store, runId: "r" });
  expect(checkpoint).type.not.toBeCallableWith({ store, ttl: 1 });
  checkpoint({
    store,
    onSuspend: (run) => {
      expect(run).type.toBe<SuspendedRun>();
      expect(run.waitingFor).type.toBe<readonly WaitingFor[]>();
    },
  });
});

test("a journal of one's own is typed", () => {
  expect(checkpointJournal(store)).type.toBe<Promise<CheckpointJournal>>();
  expect(checkpointJournal).type.toBeCallableWith(store, "r", { begin: true });
  expect(checkpointJournal).type.not.toBeCallableWith(store, 7);
  expect<CheckpointJournal>().type.toBeAssignableTo<Journal>();
});
