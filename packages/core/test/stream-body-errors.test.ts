import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { ModelInvocationError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { PRICED, run } from "./support.ts";

const own = new ModelInvocationError("The stream broke off.", {
  reason: "interrupted",
  model: PRICED,
});

let printed: jest.SpiedFunction<typeof console.error>;

beforeEach(() => {
  printed = jest.spyOn(console, "error").mockReturnValue();
});

afterEach(() => {
  jest.restoreAllMocks();
});

async function* failing(
  error: unknown,
  ...chunks: readonly (string | Uint8Array)[]
) {
  yield* chunks;
  throw error;
}

describe.each(middyMajors)(
  "a streamed body that fails on %s",
  (_name, middy) => {
    const received = async (
      body: AsyncIterable<unknown>,
      headers?: object | null,
      listener?: (event: { error: unknown }) => void,
    ) => {
      const response = await run(
        middy,
        [new MockProvider().middleware()],
        async (context) => {
          if (listener) invocationOf(context).events.on("body-error", listener);
          return { statusCode: 200, headers, body };
        },
      );
      return text((response as unknown as { body: Readable }).body);
    };

    const json =
      '{"code":"MODEL_INVOCATION","message":"The stream broke off."}';

    test.each([
      [
        "text/event-stream",
        "data: a\n\n",
        `data: a\n\nevent: error\ndata: ${json}\n\n`,
      ],
      [
        "text/event-stream; charset=utf-8",
        "data: a\n",
        `data: a\n\n\nevent: error\ndata: ${json}\n\n`,
      ],
      ["Text/Event-Stream", "", `event: error\ndata: ${json}\n\n`],
      [
        "text/event-stream",
        "data: cut",
        `data: cut\n\nevent: error\ndata: ${json}\n\n`,
      ],
      ["application/x-ndjson", '{"a":1}\n', `{"a":1}\n{"error":${json}}\n`],
      ["application/ndjson", '{"a":1}', `{"a":1}\n{"error":${json}}\n`],
      ["application/jsonl", "", `{"error":${json}}\n`],
      ["application/json-lines", "", `{"error":${json}}\n`],
      [
        "text/plain",
        "Once",
        "Once\n\n[MODEL_INVOCATION] The stream broke off.\n",
      ],
      [
        "text/html",
        "Once\n",
        "Once\n\n[MODEL_INVOCATION] The stream broke off.\n",
      ],
      [undefined, "Once", "Once\n\n[MODEL_INVOCATION] The stream broke off.\n"],
    ])(
      "ends with a record of type %s after %j",
      async (type, before, expected) => {
        for (const name of ["content-type", "Content-Type", "CONTENT-TYPE"]) {
          const chunks = before === "" ? [] : [before];
          const headers =
            type === undefined ? {} : { "x-other": "a", [name]: type };
          expect(await received(failing(own, ...chunks), headers)).toBe(
            expected,
          );
        }
      },
    );

    test.each([
      ["no headers", undefined],
      ["null as headers", null],
    ])(
      "ends with a line of text where there are %s",
      async (_what, headers) => {
        expect(await received(failing(own), headers)).toBe(
          "\n[MODEL_INVOCATION] The stream broke off.\n",
        );
      },
    );

    test("looks at the bytes that came last, too", async () => {
      const type = { "content-type": "application/x-ndjson" };
      const line = (value: string) => new TextEncoder().encode(value);
      expect(await received(failing(own, line('{"a":"ü"}\n')), type)).toBe(
        `{"a":"ü"}\n{"error":${json}}\n`,
      );
      expect(await received(failing(own, line('{"a":"ü"}')), type)).toBe(
        `{"a":"ü"}\n{"error":${json}}\n`,
      );
    });

    test.each([
      ["an error that is not ours", new Error("SELECT secret FROM table")],
      ["a string", "secret"],
      ["undefined", undefined],
      ["null", null],
    ])("says nothing about %s", async (_what, error) => {
      const body = await received(failing(error, "Once"));
      expect(body).toBe("Once\n\n[INTERNAL] Internal Server Error\n");
    });

    test.each([
      ["text/plain", "\n[INTERNAL] Internal Server Error\n"],
      [
        "text/event-stream",
        'event: error\ndata: {"code":"INTERNAL","message":"Internal Server Error"}\n\n',
      ],
      [
        "application/x-ndjson",
        '{"error":{"code":"INTERNAL","message":"Internal Server Error"}}\n',
      ],
    ])(
      "says nothing about the set-up in %s, and all of it to the log",
      async (type, expected) => {
        for (const reason of [
          "access-denied",
          "credentials",
          "model-not-found",
          "model-retired",
          "invalid-request",
          "capability",
        ]) {
          const error = own.with({ reason });
          const seen: unknown[] = [];
          const body = await received(
            failing(error),
            { "content-type": type },
            (event) => seen.push(event.error),
          );
          expect(body).toBe(expected);
          expect(seen).toEqual([error]);
        }
      },
    );

    test("says nothing about what throws when it is looked at", async () => {
      const hostile = new Proxy(
        {},
        {
          get: () => {
            throw new Error("secret");
          },
        },
      );
      expect(await received(failing(hostile, "Once"))).toBe(
        "Once\n\n[INTERNAL] Internal Server Error\n",
      );
    });

    test.each([
      ["an object", { a: 1 }],
      ["a number", 5],
    ])(
      "because it brings %s says so in the log, and ends like any other",
      async (_what, chunk) => {
        let left = false;
        async function* body() {
          try {
            yield "Once";
            yield chunk;
            yield "never";
          } finally {
            left = true;
          }
        }
        const seen: unknown[] = [];
        const answer = await received(body(), {}, ({ error }) =>
          seen.push(error),
        );
        expect(answer).toBe("Once\n\n[INTERNAL] Internal Server Error\n");
        expect(seen).toEqual([expect.any(TypeError)]);
        expect(seen[0]).toHaveProperty(
          "message",
          expect.stringContaining("string or bytes"),
        );
        expect(left).toBe(true);
      },
    );

    test("is printed when nobody listens", async () => {
      const error = new Error("mine");
      await received(failing(error));
      expect(printed.mock.calls).toEqual([
        ["A streamed response failed:", error],
      ]);
    });

    test("is told to who listens, and then not printed", async () => {
      const error = new Error("mine");
      const seen: unknown[] = [];
      await received(failing(error), {}, (event) => seen.push(event));
      expect(seen).toEqual([{ error }]);
      expect(printed).not.toHaveBeenCalled();
    });

    test("is printed also by a model's stream that breaks off", async () => {
      const model = new MockProvider({
        responses: [{ pieces: ["Once", " upon"], error: own }],
      });
      const response = await run(
        middy,
        [model.middleware()],
        async ({ stream }) => {
          const body = stream("Tell a tale");
          await body.started;
          return { statusCode: 200, body };
        },
      );
      const body = await text((response as unknown as { body: Readable }).body);
      expect(body).toBe(
        "Once upon\n\n[MODEL_INVOCATION] The stream broke off.\n",
      );
      expect(printed).toHaveBeenCalledTimes(1);
    });
  },
);
