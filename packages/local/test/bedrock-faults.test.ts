import {
  BedrockRuntimeServiceException,
  ConverseCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Fault,
  type LocalBedrock,
  SERVICE_ERRORS,
  type ServiceErrorName,
  startBedrock,
} from "../src/index.ts";
import {
  ask,
  clientOf,
  collect,
  converse,
  HAIKU,
  kindsOf,
  post,
  TRANSPORTS,
} from "./helpers.ts";

let bedrock: LocalBedrock;

beforeAll(async () => {
  bedrock = await startBedrock({ respond: () => "one two three" });
});

afterAll(() => bedrock.close());

const ROWS = Object.entries(SERVICE_ERRORS) as [
  ServiceErrorName,
  { status: number },
][];

describe.each(TRANSPORTS)("errors over %s", (_name, transport) => {
  test.each(ROWS)(
    "%s has its status, name, request id and message",
    async (name, { status }) => {
      bedrock.setFaults([{ error: name }]);
      const error = await converse(
        clientOf(bedrock, transport()),
        ask("Hi"),
      ).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(BedrockRuntimeServiceException);
      expect(error).toMatchObject({
        name,
        message: expect.stringContaining(SERVICE_ERRORS[name].message),
        $metadata: { httpStatusCode: status, requestId: expect.any(String) },
      });
    },
  );
});

describe("errors", () => {
  const fail = async (fault: Fault) => {
    bedrock.setFaults([fault]);
    return post(bedrock, HAIKU, "converse", ask("Hi"));
  };

  test("carry members, message, status and headers of the fault", async () => {
    const error = await fail({
      error: "ModelErrorException",
      message: "model is out",
      status: 425,
      originalStatusCode: 503,
      originalMessage: "why",
      resourceName: "arn",
      retryAfterSeconds: 3,
      headers: { "X-Custom": "1" },
    });
    expect(error.status).toBe(425);
    expect(error.body).toEqual({
      message: "model is out",
      originalStatusCode: 503,
      originalMessage: "why",
      resourceName: "arn",
    });
    expect(error.headers.get("retry-after")).toBe("3");
    expect(error.headers.get("x-custom")).toBe("1");
  });

  test("a raw body is sent as it is, with or without a status", async () => {
    const page = await fail({
      status: 502,
      body: "<html>Bad gateway</html>",
      error: "ThrottlingException",
    });
    expect([page.status, page.text]).toEqual([502, "<html>Bad gateway</html>"]);
    expect((await fail({ body: "x" })).status).toBe(500);
    const empty = await fail({ status: 503 });
    expect([empty.status, empty.text]).toEqual([503, ""]);
  });

  test("headers and status of a healthy answer can be set", async () => {
    const answer = await fail({
      status: 203,
      headers: { a: "b" },
      retryAfterSeconds: 1,
    });
    expect(answer.status).toBe(203);
    expect(answer.headers.get("a")).toBe("b");
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(answer.body.stopReason).toBe("end_turn");
  });

  test("the SDK's own retry meets the next entry of the script", async () => {
    bedrock.reset();
    bedrock.setFaults([
      { error: "ServiceUnavailableException" },
      null,
      undefined,
    ]);
    const client = clientOf(bedrock, { maxAttempts: 2 });
    const answer = await client.send(new ConverseCommand(ask("Hi")));
    expect(answer.$metadata.attempts).toBe(2);
    expect(bedrock.requests).toHaveLength(2);
  });
});

describe("scripts", () => {
  const statuses = async (count: number) => {
    const found: number[] = [];
    for (let index = 0; index < count; index++)
      found.push((await post(bedrock, HAIKU, "converse", ask("Hi"))).status);
    return found;
  };

  test("an entry may hold for several requests, and a script ends healthy", async () => {
    bedrock.setFaults([{ status: 503, repeat: 2 }, null, { status: 500 }]);
    expect(await statuses(5)).toEqual([503, 503, 200, 500, 200]);
  });

  test("a function gets the request and its number", async () => {
    bedrock.setFaults((request, index) =>
      request.modelId === HAIKU && index === 1 ? { status: 500 } : undefined,
    );
    expect(await statuses(3)).toEqual([200, 500, 200]);
  });

  test("requests for nothing that exists use up no entry", async () => {
    bedrock.setFaults([{ status: 500 }]);
    expect((await post(bedrock, HAIKU, "dance", {})).status).toBe(404);
    expect(await statuses(1)).toEqual([500]);
  });

  test("a function that fails is an error that says so, and that nobody retries", async () => {
    bedrock.setFaults(() => {
      throw new Error("my mistake");
    });
    const error = await post(bedrock, HAIKU, "converse", ask("Hi"));
    expect(error.status).toBe(400);
    expect(error.body.message).toContain("my mistake");
  });

  test("what is no script is refused at once", () => {
    expect(() => bedrock.setFaults("all" as never)).toThrow(
      'the option "faults" must be an array or a function',
    );
  });

  test("latency delays the answer and tokenDelay the events after the first", async () => {
    bedrock.setFaults([{ latencyMs: 40, tokenDelayMs: 10 }]);
    const startedAt = performance.now();
    const { events } = await collect(clientOf(bedrock), ask("Hi"));
    // Timers may fire a little early; the point is that they are waited for.
    expect(performance.now() - startedAt).toBeGreaterThan(
      35 + 9 * (events.length - 1),
    );
  });
});

describe.each(TRANSPORTS)("a Converse call over %s", (_name, transport) => {
  const attempt = async (fault: Fault) => {
    bedrock.setFaults([fault]);
    return converse(clientOf(bedrock, transport()), ask("Hi")).then(
      // Over HTTP/2 the SDK takes a body that never came for an answer without members.
      ({ output }) => (output === undefined ? "empty" : "answered"),
      (error: Error) => error.name,
    );
  };

  test.each([
    ["before any answer", { cut: "before" }],
    ["after the headers", { cut: "headers" }],
    ["in the middle of the body", { cut: "body" }],
    [
      "in the middle of an error's body",
      { cut: "body", error: "ThrottlingException" },
    ],
    ["by bytes that are no JSON", { garbage: true }],
  ] as const)("is broken %s", async (_where, fault) => {
    expect(await attempt(fault)).not.toBe("answered");
  });

  test("has its answer when the connection is cut after it", async () => {
    expect(await attempt({ cut: "after" })).toBe("answered");
    expect(await bedrock.requests.at(-1)?.closed).toMatchObject({
      byClient: false,
    });
  });
});

describe.each(TRANSPORTS)("a stream over %s", (_name, transport) => {
  const run = async (fault: Fault) => {
    bedrock.setFaults([fault]);
    return collect(clientOf(bedrock, transport()), ask("Hi"));
  };

  test.each([
    ["before any answer", { cut: "before" }, 0],
    ["after the headers", { cut: "headers" }, 0],
    ["after one event", { cut: "body" }, 1],
    ["after three events", { cut: "body", afterEvents: 3 }, 3],
    [
      "in the middle of a frame",
      { cut: "body", afterEvents: 2, midFrame: true },
      2,
    ],
  ] as const)("is cut %s", async (_where, fault, count) => {
    const { events } = await run(fault);
    expect(events).toHaveLength(count);
    expect(await bedrock.requests.at(-1)?.closed).toEqual({
      byClient: false,
      eventsSent: count,
    });
  });

  test("is whole when the connection is cut after it, or later than its end", async () => {
    expect(kindsOf((await run({ cut: "after" })).events).at(-1)).toBe(
      "metadata",
    );
    expect(
      kindsOf((await run({ cut: "body", afterEvents: 99 })).events).at(-1),
    ).toBe("metadata");
  });

  test("can be empty, end early, or miss its usage", async () => {
    expect(await run({ emptyStream: true })).toEqual({
      events: [],
      error: undefined,
    });
    const early = await run({ endAfterEvents: 2 });
    expect(kindsOf(early.events)).toEqual([
      "messageStart",
      "contentBlockDelta",
    ]);
    expect(early.error).toBeUndefined();
    const bare = await run({ withoutMetadata: true });
    expect(kindsOf(bare.events).at(-1)).toBe("messageStop");
  });

  test("can break into garbage, and be cut on top", async () => {
    expect((await run({ garbage: true })).error).toBeInstanceOf(Error);
    const late = await run({ garbage: true, afterEvents: 2, cut: "body" });
    expect(late.events).toHaveLength(2);
  });

  test.each([
    "throttlingException",
    "InternalServerException",
    "modelStreamErrorException",
    "serviceUnavailableException",
    "validationException",
  ])("can end with a %s", async (name) => {
    const { events, error } = await run({
      streamError: {
        name,
        afterEvents: 2,
        message: "enough",
        extra: { originalStatusCode: 500 },
      },
    });
    expect(events).toHaveLength(2);
    expect((error as Error).name.toLowerCase()).toBe(name.toLowerCase());
    expect((error as Error).message).toContain("enough");
  });

  test("can fail with its first event, or with an exception nobody knows", async () => {
    const first = await run({ streamError: { name: "ThrottlingException" } });
    expect(first.error).toMatchObject({ name: "ThrottlingException" });
    const novel = await run({
      streamError: { name: "modelTimeoutException", afterEvents: 1 },
    });
    expect(novel.error).toMatchObject({ name: "modelTimeoutException" });
  });

  test("can end with an error frame", async () => {
    const { error } = await run({ errorFrame: { code: "InternalFailure" } });
    expect(error).toMatchObject({ name: "InternalFailure" });
    const late = await run({
      errorFrame: { code: "X", message: "broken pipe", afterEvents: 1 },
    });
    expect(late.events).toHaveLength(1);
    expect((late.error as Error).message).toContain("broken pipe");
  });
});
