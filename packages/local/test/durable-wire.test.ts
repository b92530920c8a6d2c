import { afterEach, describe, expect, test } from "@jest/globals";
import { printed } from "../../../test-support/quiet.ts";
import {
  type DurableEvent,
  type LocalDurable,
  type StartDurableOptions,
  startDurable,
} from "../src/index.ts";
import { durableOf } from "./durable-support.ts";

/* What the SDK never sends, and what it is told. */

let durable: LocalDurable;

afterEach(() => durable.close());

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: {
    readonly message?: string;
    readonly CheckpointToken?: string;
    readonly NextMarker?: string;
    readonly Operations?: readonly unknown[];
    readonly NewExecutionState?: { readonly Operations: readonly unknown[] };
  };
}

async function request(
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`${durable.url}/2025-12-01/${path}`, {
    method,
    ...(body !== undefined && {
      body: typeof body === "string" ? body : JSON.stringify(body),
    }),
  });
  return {
    status: response.status,
    type: response.headers.get("x-amzn-errortype"),
    // The tests compare what they find.
    body: (await response.json()) as Answer["body"],
  };
}

const pathOf = ({ DurableExecutionArn }: DurableEvent, action: string) =>
  `durable-executions/${encodeURIComponent(DurableExecutionArn)}/${action}`;

/** One invocation, with what it says to the service in place of the SDK. */
async function invocation<T>(
  speak: (event: DurableEvent, checkpoint: Checkpoint) => Promise<T>,
  options: Partial<StartDurableOptions> = {},
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  durable = await startDurable({
    invoke: async (event) => {
      await speak(event, checkpointsOf(event)).then(resolve, reject);
      return { Status: "SUCCEEDED" };
    },
    skipTime: true,
    ...options,
  });
  await durable.start({ question: 1 }).result;
  return promise;
}

type Checkpoint = (...updates: object[]) => Promise<Answer>;

function checkpointsOf(event: DurableEvent): Checkpoint {
  let { CheckpointToken } = event;
  return async (...Updates) => {
    const answer = await request("POST", pathOf(event, "checkpoint"), {
      CheckpointToken,
      Updates,
    });
    CheckpointToken = answer.body.CheckpointToken ?? CheckpointToken;
    return answer;
  };
}

const step = (Action: string, more: object = {}) => ({
  Id: "s",
  Type: "STEP",
  Action,
  ...more,
});
const context = (Action: string, more: object = {}) => ({
  Id: "c",
  Type: "CONTEXT",
  Action,
  ...more,
});
const wait = (Action: string, more: object = {}) => ({
  Id: "w",
  Type: "WAIT",
  Action,
  ...more,
});
const callback = (Action: string) => ({ Id: "b", Type: "CALLBACK", Action });
const RETRY = { StepOptions: { NextAttemptDelaySeconds: 1 } };
const WAIT = { WaitOptions: { WaitSeconds: 1 } };
const large = "x".repeat(262_145);

describe("A checkpoint", () => {
  test("takes its token and gives the next one, and what has changed", async () => {
    const [first, second] = await invocation(async (event, checkpoint) => {
      expect(event.InitialExecutionState.Operations).toEqual([
        {
          Id: expect.any(String),
          Type: "EXECUTION",
          Status: "STARTED",
          StartTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
          ExecutionDetails: { InputPayload: '{"question":1}' },
        },
      ]);
      return [
        await checkpoint(
          step("START", { Name: "one" }),
          step("RETRY", { ...RETRY, Error: { ErrorMessage: "no" } }),
          wait("START", WAIT),
        ),
        await checkpoint(wait("CANCEL")),
      ] as const;
    });
    expect(first.status).toBe(200);
    expect(first.body.NewExecutionState?.Operations).toEqual([
      {
        Id: "s",
        Type: "STEP",
        Name: "one",
        Status: "PENDING",
        StartTimestamp: expect.any(Number),
        StepDetails: {
          Attempt: 1,
          NextAttemptTimestamp: expect.any(Number),
          Error: { ErrorMessage: "no" },
        },
      },
      {
        Id: "w",
        Type: "WAIT",
        Status: "STARTED",
        StartTimestamp: expect.any(Number),
        WaitDetails: { ScheduledEndTimestamp: expect.any(Number) },
      },
    ]);
    expect(second.body.NewExecutionState?.Operations).toMatchObject([
      { Id: "w", Status: "CANCELLED", EndTimestamp: expect.any(Number) },
    ]);
  });

  test("is refused with a token that was used, that of an older invocation, or none", async () => {
    const refused: Answer[] = [];
    const tokens: unknown[] = [];
    durable = await startDurable({
      invoke: async (event) => {
        tokens.push(event.CheckpointToken);
        const path = pathOf(event, "checkpoint");
        if (tokens.length === 1) {
          await request("POST", path, { CheckpointToken: tokens[0] });
          refused.push(
            await request("POST", path, { CheckpointToken: tokens[0] }),
            await request("POST", path, {}),
            await request("GET", `${pathOf(event, "state")}?CheckpointToken=x`),
          );
          throw new Error("It dies.");
        }
        refused.push(
          await request("POST", path, { CheckpointToken: tokens[0] }),
        );
        return { Status: "SUCCEEDED" };
      },
      skipTime: true,
    });
    await durable.start().result;
    expect(refused).toHaveLength(4);
    for (const answer of refused)
      expect(answer).toEqual({
        status: 400,
        type: "InvalidParameterValueException",
        body: { Type: "User", message: "Invalid checkpoint token" },
      });
  });

  test("that is sent again, because its answer was lost, is answered as before", async () => {
    const [first, again] = await invocation(async (event) => {
      const sent = {
        CheckpointToken: event.CheckpointToken,
        ClientToken: "once",
        Updates: [step("START")],
      };
      const send = () => request("POST", pathOf(event, "checkpoint"), sent);
      return [await send(), await send()] as const;
    });
    expect(first.status).toBe(200);
    expect(again).toEqual(first);
  });

  test("that is refused changes nothing", async () => {
    await invocation(async (_event, checkpoint) => {
      const refused = await checkpoint(step("START"), wait("START"));
      expect(refused.status).toBe(400);
      expect((await checkpoint(step("START"))).status).toBe(200);
    });
  });

  test("may end the execution, and is the last one then", async () => {
    const after = await invocation(async (_event, checkpoint) => {
      const { body } = await checkpoint({
        Id: "result",
        Type: "EXECUTION",
        Action: "SUCCEED",
        Payload: "7",
      });
      expect(body.CheckpointToken).toBeUndefined();
      return checkpoint();
    });
    expect(after.body.message).toBe("Invalid checkpoint token");
    expect(await durable.executions[0]?.result).toEqual({
      status: "SUCCEEDED",
      result: 7,
    });
  });

  test.each([
    [{ Error: { ErrorMessage: "no" } }, { ErrorMessage: "no" }],
    [{}, {}],
  ])("may end the execution with an error: %j", async (more, error) => {
    await invocation(async (_event, checkpoint) =>
      checkpoint({ Id: "x", Type: "EXECUTION", Action: "FAIL", ...more }),
    );
    expect(await durable.executions[0]?.result).toEqual({
      status: "FAILED",
      error,
    });
  });
});

const refusals: readonly (readonly [
  why: string,
  before: readonly object[],
  update: readonly object[],
])[] = [
  ["Invalid action for the given operation type.", [], [step("CANCEL")]],
  ["Invalid action for the given operation type.", [], [callback("SUCCEED")]],
  [
    "The local durable functions have no CHAINED_INVOKE.",
    [],
    [{ Id: "i", Type: "CHAINED_INVOKE", Action: "START" }],
  ],
  ["Invalid current STEP state to start.", [step("START")], [step("START")]],
  [
    "Invalid current STEP state to close.",
    [step("SUCCEED")],
    [step("SUCCEED")],
  ],
  [
    "Invalid current STEP state to re-attempt.",
    [step("FAIL")],
    [step("RETRY", RETRY)],
  ],
  ["Invalid StepOptions for the given action.", [], [step("START", RETRY)]],
  ["Invalid StepOptions for the given action.", [], [step("SUCCEED", RETRY)]],
  ["Invalid StepOptions for the given action.", [], [step("RETRY")]],
  [
    "Cannot provide both error and payload to RETRY a STEP.",
    [],
    [step("RETRY", { ...RETRY, Payload: "1", Error: {} })],
  ],
  [
    "Cannot provide an Error for SUCCEED action.",
    [],
    [step("SUCCEED", { Error: {} })],
  ],
  [
    "Cannot provide a Payload for FAIL action.",
    [],
    [step("FAIL", { Payload: "1" })],
  ],
  [
    "Cannot start a CONTEXT that already exist.",
    [context("START")],
    [context("START")],
  ],
  ["Invalid current CONTEXT state to close.", [], [context("SUCCEED")]],
  [
    "Update for WAIT operation requires WaitOptions.",
    [],
    [wait("START", { WaitOptions: null })],
  ],
  [
    "Cannot cancel a WAIT that does not exist or has already completed.",
    [],
    [wait("CANCEL")],
  ],
  [
    "Cannot update the same operation twice in a single request.",
    [],
    [step("SUCCEED"), step("FAIL")],
  ],
  ["Invalid parent operation id.", [], [step("START", { ParentId: "no" })]],
  [
    "Inconsistent operation type.",
    [step("START")],
    [{ ...wait("START", WAIT), Id: "s" }],
  ],
  [
    "Inconsistent operation subtype.",
    [step("START", { SubType: "Step" })],
    [step("SUCCEED", { SubType: "Other" })],
  ],
  [
    "Inconsistent operation name.",
    [step("START", { Name: "one" })],
    [step("SUCCEED", { Name: "two" })],
  ],
  [
    "Inconsistent parent operation id.",
    [context("START"), step("START")],
    [step("SUCCEED", { ParentId: "c" })],
  ],
  [
    "STEP output payload size must be less than or equal to 262144 bytes.",
    [],
    [step("SUCCEED", { Payload: large })],
  ],
  [
    "CONTEXT output payload size must be less than or equal to 262144 bytes.",
    [context("START")],
    [context("SUCCEED", { Payload: large })],
  ],
  [
    "Error object size must be less than 32768 bytes.",
    [],
    [
      step("FAIL", {
        Error: { ErrorData: "x".repeat(32_768), StackTrace: ["at"] },
      }),
    ],
  ],
  [
    "Execution output payload size must be less than or equal to 1048576 bytes.",
    [],
    [
      {
        Id: "x",
        Type: "EXECUTION",
        Action: "SUCCEED",
        Payload: "x".repeat(1_048_577),
      },
    ],
  ],
  [
    "EXECUTION checkpoint must be the last update.",
    [],
    [{ Id: "x", Type: "EXECUTION", Action: "SUCCEED" }, step("START")],
  ],
];

test.each(refusals)(
  "A checkpoint is refused: %s",
  async (why, before, updates) => {
    const answer = await invocation(async (_event, checkpoint) => {
      expect((await checkpoint(...before)).status).toBe(200);
      return checkpoint(...updates);
    });
    expect(answer.body.message).toBe(why);
    expect([answer.status, answer.type]).toEqual([
      400,
      "InvalidParameterValueException",
    ]);
  },
);

test.each([
  ["Id", step("START", { Id: undefined }), "not be null"],
  ["Id", step("START", { Id: "a b" }), "be a text of ^[\\w-]+$"],
  ["Id", step("START", { Id: "a".repeat(65) }), "be a text of ^"],
  ["Type", { Id: "a", Type: "MAP", Action: "START" }, "be one of [EXECUTION,"],
  ["Action", step("BEGIN"), "be one of [START, SUCCEED,"],
  ["Name", step("START", { Name: "Schritt für" }), "be a text of ^["],
  ["Payload", step("SUCCEED", { Payload: 1 }), "be a text"],
  [
    "ContextOptions.ReplayChildren",
    context("SUCCEED", { ContextOptions: { ReplayChildren: 1 } }),
    "be a boolean",
  ],
  [
    "WaitOptions.WaitSeconds",
    wait("START", { WaitOptions: { WaitSeconds: 0.5 } }),
    "be a whole number from 1 to 31622400",
  ],
])(
  "A checkpoint whose %s is wrong is refused: %j",
  async (name, update, why) => {
    const answer = await invocation((_event, checkpoint) => checkpoint(update));
    expect(answer.type).toBe("ValidationException");
    expect(answer.body.message).toContain(
      `Value at 'updates.1.member.${name}' failed to satisfy constraint: Member must ${why}`,
    );
  },
);

describe("A request is refused", () => {
  test.each([
    ["GET", "nowhere/x/y", 404, "UnknownOperationException"],
    [
      "PUT",
      "durable-executions/x/checkpoint",
      404,
      "UnknownOperationException",
    ],
    ["GET", "durable-executions/x/state", 404, "ResourceNotFoundException"],
    ["GET", "durable-executions/%/state", 500, "ServiceException"],
  ])("when it is %s %s", async (method, path, status, type) => {
    durable = await startDurable({ invoke: () => {} });
    expect(await request(method, path)).toMatchObject({ status, type });
  });

  test.each([
    ["no JSON", "{", 400, "SerializationException"],
    [
      "longer than the service takes",
      "x".repeat(6_291_457),
      413,
      "RequestEntityTooLargeException",
    ],
  ])("when its body is %s", async (_what, body, status, type) => {
    const answer = await invocation((event) =>
      request("POST", pathOf(event, "checkpoint"), body),
    );
    expect(answer).toMatchObject({ status, type });
  });
});

test("A callback is rejected without an error, too", async () => {
  await invocation(async (_event, checkpoint) => {
    await checkpoint(callback("START"));
    const [open] = durable.executions[0]?.callbacks ?? [];
    const id = encodeURIComponent(String(open?.callbackId));
    const path = `durable-execution-callbacks/${id}`;
    expect((await request("POST", `${path}/fail`)).status).toBe(200);
    const { body } = await checkpoint();
    expect(body.NewExecutionState?.Operations).toMatchObject([
      { Status: "FAILED", CallbackDetails: { CallbackId: open?.callbackId } },
    ]);
  });
});

describe("The answer of an invocation ends the execution as FAILED", () => {
  test.each([
    ["Invalid Status in invocation output.", undefined],
    ["Invalid Status in invocation output.", { Status: "DONE" }],
    [
      "Cannot provide an Error for SUCCEEDED status.",
      { Status: "SUCCEEDED", Error: { ErrorMessage: "no" } },
    ],
    [
      "Cannot provide a Result for FAILED status.",
      { Status: "FAILED", Result: "1" },
    ],
    [
      "Cannot return PENDING status with no pending operations.",
      { Status: "PENDING" },
    ],
    [
      "Execution output payload size must be less than or equal to 1048576 bytes.",
      { Status: "SUCCEEDED", Result: "x".repeat(1_048_577) },
    ],
  ])("%s", async (ErrorMessage, answer) => {
    durable = await startDurable({ invoke: () => answer });
    expect(await durable.start().result).toEqual({
      status: "FAILED",
      error: { ErrorMessage, ErrorType: "InvalidParameterValueException" },
    });
  });
});

describe("The state", () => {
  test("comes in pages", async () => {
    const pages = await invocation(async (event, checkpoint) => {
      const updates = Array.from({ length: 150 }, (_, index) =>
        step("SUCCEED", { Id: `s${index}`, Payload: "1" }),
      );
      const { body } = await checkpoint(...updates);
      const token = encodeURIComponent(String(body.CheckpointToken));
      const page = (query: string) =>
        request(
          "GET",
          `${pathOf(event, `state?CheckpointToken=${token}`)}${query}`,
        );
      const first = await page("");
      const marker = encodeURIComponent(String(first.body.NextMarker));
      return [
        first,
        await page(`&Marker=${marker}`),
        await page("&MaxItems=1000"),
        await page("&MaxItems=1001"),
        await page("&Marker=eA=="),
      ];
    });
    const sizes = pages.map(({ body }) => body.Operations?.length);
    expect(sizes).toEqual([100, 51, 151, undefined, undefined]);
    expect(pages.map(({ body }) => body.NextMarker)).toEqual([
      expect.any(String),
      ...Array(4).fill(undefined),
    ]);
    expect(pages[3]).toMatchObject({
      status: 400,
      type: "ValidationException",
    });
    expect(pages[4]?.body.message).toBe("Invalid marker.");
  });

  test("of large results has smaller pages, and the SDK replays all of them", async () => {
    const events: DurableEvent[] = [];
    let calls = 0;
    durable = await durableOf(
      async (_event, durableContext) => {
        const done: number[] = [];
        for (let index = 0; index < 12; index++) {
          const text = await durableContext.step(async () => {
            calls += 1;
            return "x".repeat(200_000);
          });
          done.push(text.length);
        }
        await durableContext.wait({ seconds: 1 });
        return done;
      },
      {},
      (event) => events.push(event),
    );
    const { result } = await durable.start().result;
    expect(result).toEqual(Array(12).fill(200_000));
    expect(calls).toBe(12);
    expect(events[1]?.InitialExecutionState).toMatchObject({
      Operations: { length: 5 },
      NextMarker: expect.any(String),
    });
  });
});

describe("The limits of an execution", () => {
  test.each([
    [
      "operations",
      { operations: 4 },
      "The execution has reached its limit of 4 operations.",
    ],
    [
      "written bytes",
      { writtenBytes: 100 },
      "The execution has reached its limit of 100 written bytes.",
    ],
    [
      "bytes of a result",
      { resultBytes: 20 },
      "STEP output payload size must be less than or equal to 20 bytes.",
    ],
  ])("of %s end it", async (_what, limits, why) => {
    durable = await durableOf(
      async (_event, durableContext) => {
        for (let index = 0; index < 10; index++)
          await durableContext.step(async ({ attempt }) => {
            if (attempt < 2) throw new Error("not yet");
            return "x".repeat(21);
          });
      },
      { limits },
    );
    expect(await durable.start().result).toMatchObject({
      status: "FAILED",
      error: { ErrorMessage: expect.stringContaining(why) },
    });
    // What the SDK logs of it.
    expect(printed().join()).toContain(why);
  });

  test("hold for answers of callbacks, too", async () => {
    await expect(
      invocation(
        async (_event, checkpoint) => {
          await checkpoint(callback("START"));
          const [execution] = durable.executions;
          const id = String(execution?.callbacks[0]?.callbackId);
          durable.answer(id, "x".repeat(101));
        },
        { limits: { writtenBytes: 100 } },
      ),
    ).rejects.toThrow(
      "The execution has reached its limit of 100 written bytes.",
    );
  });

  test("are those of an asynchronous invocation for the input", async () => {
    durable = await startDurable({ invoke: () => {} });
    expect(() => durable.start("x".repeat(1_048_575))).toThrow(
      "Execution input payload size must be less than or equal to 1048576 bytes.",
    );
  });
});

describe("startDurable refuses", () => {
  const refusal = async (options: object) =>
    startDurable(options as StartDurableOptions).then(
      () => "It was accepted.",
      (error: Error) => error.message,
    );
  const invoke = () => {};

  test("a missing function, and an option that does not exist", async () => {
    expect(await refusal({})).toContain('the option "invoke" is missing');
    expect(await refusal({ invoke, speed: 2 })).toContain(
      'startDurable: there is no option "speed". Options: invoke, skipTime,',
    );
  });

  test.each([
    ["invoke", "handler"],
    ["skipTime", 1],
    ["port", 70_000],
    ["host", ""],
    ["functionName", ""],
    ["timeoutMs", -1],
    ["executionTimeoutSeconds", 0],
    ["limits", 3_000],
  ])("a wrong value of %s", async (name, value) => {
    expect(await refusal({ invoke, [name]: value })).toContain(
      `startDurable: the option "${name}" must be`,
    );
  });

  test("limits that it does not have", async () => {
    expect(await refusal({ invoke, limits: { steps: 1 } })).toContain(
      'startDurable limits: there is no option "steps"',
    );
  });

  test("a port that is taken", async () => {
    durable = await startDurable({ invoke });
    expect(await refusal({ invoke, port: durable.port })).toContain(
      "EADDRINUSE",
    );
  });
});
