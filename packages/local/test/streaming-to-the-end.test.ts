import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { describe, expect, test } from "@jest/globals";
import { type LLMContext, toResponseBody } from "@lambdallm/core";
import type { Fault } from "../src/index.ts";
import {
  done,
  FIRST_DELTA,
  failed,
  MESSAGE_STOP,
  METADATA,
  parse,
  StreamingLab,
  TYPES,
  tell,
  WHOLE,
} from "./streaming-support.ts";

const lab = StreamingLab.open();

describe.each(["6", "7"])("Middy %s", (major) => {
  test.each<[string, (context: LLMContext) => AsyncIterable<unknown>]>([
    ["the model's stream", ({ stream }) => stream("Say nothing")],
    [
      "text",
      ({ stream }) => toResponseBody(stream("Say nothing"), { format: "text" }),
    ],
    ["a generator's", async function* () {}],
    ["a Node stream", () => Readable.from([])],
    [
      "a web stream",
      () => new ReadableStream({ start: (controller) => controller.close() }),
    ],
  ])(
    "keeps status, headers and cookies of a body without a byte: %s",
    async (_what, body) => {
      lab.reply = { content: [] };
      const url = await lab.serve(major, async (context) => ({
        statusCode: 202,
        headers: { "content-type": "text/markdown", "x-a": "b" },
        cookies: ["a=1"],
        body: body(context),
      }));
      const response = await fetch(url);
      expect(await response.text()).toBe("");
      expect(response.status).toBe(202);
      expect(response.headers.get("content-type")).toBe("text/markdown");
      expect(response.headers.get("x-a")).toBe("b");
      expect(response.headers.getSetCookie()).toEqual(["a=1"]);
      expect([lab.flushed, lab.errors, lab.logged]).toEqual([1, [], []]);
    },
  );

  describe.each(["text", "sse", "ndjson"] as const)(
    "streams the model's text as %s",
    (format) => {
      const answer = async (fault: Fault = {}) => {
        lab.local.setFaults([fault]);
        const url = await lab.serve(major, tell(format));
        const response = await fetch(url);
        const body = await response.text();
        // Awaited before the body's end, and run once.
        expect(lab.flushed).toBe(1);
        expect(response.status).toBe(200);
        expect(response.headers.get("content-type")).toBe(TYPES[format]);
        const parsed = parse(format, body);
        // The process lives on: the next invocation is as good as any.
        lab.local.setFaults([]);
        const next = parse(format, await (await fetch(url)).text());
        expect(next).toEqual({ text: WHOLE, objects: [], ...done(format) });
        expect(lab.flushed).toBe(2);
        expect(lab.logged).toEqual([]);
        return parsed;
      };

      test("to its end", async () => {
        expect(await answer()).toMatchObject({ text: WHOLE, ...done(format) });
        expect(lab.errors).toEqual([]);
      });

      test.each<[string, Fault, string]>([
        ["instead of an answer", { error: "ModelErrorException" }, ""],
        ["by a cut connection", { cut: "before" }, ""],
        [
          "at byte 0",
          { streamError: { name: "modelStreamErrorException" } },
          "",
        ],
        [
          "after the first delta",
          {
            streamError: {
              name: "modelStreamErrorException",
              afterEvents: FIRST_DELTA,
            },
          },
          "Once",
        ],
        [
          "between two frames",
          { cut: "body", afterEvents: FIRST_DELTA },
          "Once",
        ],
        [
          "in the middle of a frame",
          { cut: "body", afterEvents: FIRST_DELTA, midFrame: true },
          "Once",
        ],
        [
          "at messageStop",
          {
            streamError: {
              name: "modelStreamErrorException",
              afterEvents: MESSAGE_STOP,
            },
          },
          WHOLE,
        ],
        ["without messageStop", { endAfterEvents: MESSAGE_STOP }, WHOLE],
      ])("up to a failure %s", async (_when, fault, text) => {
        expect(await answer(fault)).toEqual({ text, objects: [], ...failed });
        expect(lab.errors).toEqual([
          expect.objectContaining({ name: "ModelInvocationError" }),
        ]);
      });

      test.each<[string, Fault]>([
        [
          "a failure",
          {
            streamError: {
              name: "modelStreamErrorException",
              afterEvents: METADATA,
            },
          },
        ],
        ["a cut", { cut: "body", afterEvents: METADATA, midFrame: true }],
      ])("to its end with %s at metadata", async (_what, fault) => {
        expect(await answer(fault)).toEqual({
          text: WHOLE,
          objects: [],
          ...done(format),
        });
        expect(lab.errors).toEqual([]);
      });

      test("and answers with a status when it fails before it has started", async () => {
        for (const fault of [
          { error: "ThrottlingException" },
          { streamError: { name: "throttlingException" } },
        ] satisfies Fault[]) {
          lab.flushed = 0;
          lab.local.setFaults([fault]);
          const url = await lab.serve(major, async ({ stream }) => {
            const tale = stream("Tell a tale");
            await tale.started;
            return { statusCode: 200, body: toResponseBody(tale, { format }) };
          });
          const response = await fetch(url);
          expect(response.status).toBe(503);
          expect(await response.text()).not.toBe("");
          expect(lab.flushed).toBe(1);
          await lab.front?.close();
        }
      });

      test("as the whole response", async () => {
        lab.local.setFaults([{ cut: "body", afterEvents: FIRST_DELTA }]);
        const url = await lab.serve(major, async ({ stream }) =>
          toResponseBody(stream("Tell a tale"), { format }),
        );
        expect(parse(format, await (await fetch(url)).text())).toEqual({
          text: "Once",
          objects: [],
          ...failed,
        });
        expect(lab.flushed).toBe(1);
      });
    },
  );
});
