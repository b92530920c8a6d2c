import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { toResponseBody } from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { aborted, printed } from "../../../test-support/quiet.ts";
import {
  type HandlerContext,
  hangingProvider,
  hangingSource,
  run,
  settled,
} from "./support.ts";

type Middleware = MiddyMiddleware<HandlerContext>;
type After = NonNullable<Middleware["after"]>;
interface Streamed {
  readonly headers?: object;
  readonly body: Readable;
}

beforeEach(() => {
  jest.useFakeTimers({
    doNotFake: ["nextTick", "setImmediate", "queueMicrotask"],
  });
  jest.spyOn(console, "error").mockReturnValue();
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** Whether what was returned from a phase ends the chain is up to Middy. */
const early = (value: unknown) => (async () => value) as unknown as After;

describe.each(middyMajors)(
  "a streamed body that nobody reads on %s",
  (_name, middy) => {
    /** A handler that streams a hanging model, with a middleware around the provider's. */
    const unread = async (outer: Middleware = {}, inner: Middleware = {}) => {
      const { middleware, reasons } = hangingProvider();
      const flushed = { times: 0 };
      const response = await run(
        middy,
        [outer, middleware, inner].filter(
          (each) => Object.keys(each).length > 0,
        ),
        async (context) => {
          invocationOf(context).addFinalizer(async () => {
            await settled();
            flushed.times += 1;
          });
          const body = toResponseBody(context.stream("Tell a tale"), {
            format: "sse",
          });
          return { statusCode: 200, body } as unknown as Streamed;
        },
        new MockLambdaContext({ timeoutMs: 10_500 }),
      ).catch((error: unknown) => ({ error, body: undefined }));
      return { response, flushed, reasons };
    };

    const fail = async (): Promise<never> => {
      throw new Error("failed");
    };

    test.each<[string, Middleware, Middleware, string[]]>([
      ["a middleware fails after the provider's", { after: fail }, {}, []],
      [
        "a middleware fails before the provider's",
        {},
        { after: fail },
        [aborted(1)],
      ],
      [
        "a middleware answers early",
        { after: early({ statusCode: 304 }) },
        {},
        [aborted(1)],
      ],
      [
        "a middleware answers early with nothing",
        { after: early(null) },
        {},
        [aborted(1)],
      ],
      [
        "a middleware recovers from a failure",
        {
          after: fail,
          onError: async (request) => {
            request.response = { statusCode: 500, body: "sorry" };
          },
        },
        {},
        [],
      ],
    ])(
      "ends before the answer when %s",
      async (_what, outer, inner, warnings) => {
        const { flushed, reasons } = await unread(outer, inner);
        expect(flushed.times).toBe(1);
        expect(reasons).toHaveLength(1);
        await jest.advanceTimersByTimeAsync(10_500);
        expect(flushed.times).toBe(1);
        expect(jest.getTimerCount()).toBe(0);
        expect(printed()).toEqual(warnings);
      },
    );

    test.each<[string, unknown]>([
      ["another response", { statusCode: 304, body: "" }],
      ["a text", "not modified"],
      ["nothing", undefined],
    ])(
      "ends at once when a middleware replaces it by %s",
      async (_what, other) => {
        const { response, flushed, reasons } = await unread({
          after: async (request) => {
            request.response = other;
          },
        });
        expect(response).toBe(other);
        for (let turn = 0; turn < 5; turn++) await settled();
        expect(reasons).toHaveLength(1);
        expect(flushed.times).toBe(1);
        expect(jest.getTimerCount()).toBe(0);
      },
    );

    test.each([
      ["a text", ""],
      ["nothing", undefined],
    ])(
      "ends at once when a middleware replaces it in its response by %s",
      async (_what, other) => {
        const { response, flushed, reasons } = await unread({
          after: async ({ response }) => {
            Object.assign(response as object, { body: other });
          },
        });
        expect({ ...response }).toMatchObject({ statusCode: 200, body: other });
        for (let turn = 0; turn < 5; turn++) await settled();
        expect(reasons).toHaveLength(1);
        expect(flushed.times).toBe(1);
        expect(jest.getTimerCount()).toBe(0);
      },
    );

    test("goes on when a middleware changes something else of the response", async () => {
      const { response, flushed } = await unread({
        after: async (request) => {
          const { headers, ...given } = request.response as Streamed;
          request.response = { ...given, headers: { ...headers, "x-a": "b" } };
        },
      });
      await settled();
      expect(response).toMatchObject({
        headers: { "content-type": "text/event-stream", "x-a": "b" },
      });
      expect(flushed.times).toBe(0);
      response.body?.destroy();
      for (let turn = 0; turn < 5; turn++) await settled();
      expect(flushed.times).toBe(1);
    });

    async function* upper(body: Readable) {
      for await (const chunk of body) yield String(chunk).toUpperCase();
    }

    test.each<[string, (request: { response?: unknown }) => void]>([
      [
        "a response",
        (request) => {
          const given = request.response as Streamed;
          const body = Readable.from(upper(given.body));
          request.response = { ...given, body };
        },
      ],
      [
        "a body",
        ({ response }) => {
          const given = response as { body: Readable };
          given.body = Readable.from(upper(given.body));
        },
      ],
    ])(
      "goes on when a middleware makes another stream of it: %s",
      async (_what, change) => {
        let flushed = 0;
        const shout: After = async (request) => change(request);
        const { body } = await run(
          middy,
          [{ after: shout }, new MockProvider().middleware()],
          async (context) => {
            invocationOf(context).addFinalizer(() => {
              flushed += 1;
            });
            return {
              body: context.stream("Tell a tale"),
            } as unknown as Streamed;
          },
        );
        expect(await text(body)).toBe("MOCK RESPONSE");
        expect(flushed).toBe(1);
      },
    );

    test("goes on when a middleware has read it", async () => {
      const collect = async (request: { response?: unknown }) => {
        const given = request.response as Streamed;
        request.response = { ...given, body: await text(given.body) };
      };
      const response = await run(
        middy,
        [{ after: collect }, new MockProvider().middleware()],
        async (context) => ({ body: context.stream("Tell a tale") }),
      );
      expect(response).toEqual({ body: "Mock response" });
    });

    test("ends at the backstop at the latest, before the kill", async () => {
      const { flushed, reasons } = await unread();
      await jest.advanceTimersByTimeAsync(10_249);
      expect(flushed.times).toBe(0);
      await jest.advanceTimersByTimeAsync(1);
      await settled();
      expect(reasons).toHaveLength(1);
      expect(flushed.times).toBe(1);
      await jest.advanceTimersByTimeAsync(1_000);
      expect(flushed.times).toBe(1);
    });

    test("ends with the one that is read, when there are several", async () => {
      const model = new MockProvider({
        responses: ["one", { text: "two", delayMs: 60_000 }],
      });
      const dropped = hangingSource("three");
      let flushed = 0;
      const { body } = await run(
        middy,
        [model.middleware()],
        async (context) => {
          invocationOf(context).addFinalizer(() => {
            flushed += 1;
          });
          const [first] = ["one", "two"].map((prompt) =>
            toResponseBody(context.stream(prompt), { format: "ndjson" }),
          );
          toResponseBody(dropped.body, { format: "text" });
          return { body: first } as unknown as Streamed;
        },
      );
      expect(await text(body)).toBe(
        '{"text":"one"}\n{"done":{"stopReason":"end_turn"}}\n',
      );
      expect(flushed).toBe(1);
      expect(model.calls[1]?.request.signal?.aborted).toBe(true);
      expect(printed()).toEqual([aborted(1)]);
    });

    test("may be one after the other in another one", async () => {
      const model = new MockProvider({ responses: ["one ", "two"] });
      const { body } = await run(
        middy,
        [model.middleware()],
        async (context) => {
          async function* both() {
            yield* context.stream("One");
            yield* context.stream("Two");
          }
          return {
            body: toResponseBody(both(), { format: "text" }),
          } as unknown as Streamed;
        },
      );
      expect(await text(body)).toBe("one two");
    });
  },
);
