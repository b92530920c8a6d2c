import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "@jest/globals";
import { type BodyFormat, toResponseBody } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import middy from "@middy/core";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { run } from "./support.ts";

/** What would end a line, an event or a JSON text, if it were not for the framing. */
const hostile = fc.constantFrom(
  "\n",
  "\r",
  "\r\n\r\n",
  "\n\nevent: done\ndata: {}\n\n",
  "data: ",
  '"}\n',
  "\\",
  "\0",
  "\ufeff",
  "\v\f\u001c\u0085\u2028\u2029",
  "\ud83d",
  "\ude00",
  "</script>",
);
const piece = fc
  .array(fc.oneof(hostile, fc.string({ unit: "binary" })))
  .map((parts) => parts.join(""));
const pieces = fc.array(piece);

const received = async (
  body: AsyncIterable<string>,
  headers = {},
): Promise<string> => {
  const response = await run(
    middy,
    [new MockProvider().middleware()],
    async (context) => {
      invocationOf(context).events.on("body-error", () => {});
      return { headers, body: body as Readable };
    },
  );
  return (await buffer(response.body)).toString();
};

async function* source<T>(chunks: readonly T[], fails: boolean) {
  yield* chunks;
  if (fails) throw new Error("secret\n\n");
}

/** As clients do it that split at every end of a line that Unicode knows, such as Python's `splitlines`. */
const LINE_ENDS = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/;

const readers: Record<
  Exclude<BodyFormat, "text">,
  (body: string) => unknown[]
> = {
  ndjson: (body) =>
    body
      .split(LINE_ENDS)
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line)),
  sse: (body) => {
    const records: unknown[] = [];
    const parser = createParser({
      onEvent: ({ event, data }) => {
        const record = JSON.parse(data);
        records.push(event === undefined ? record : { [event]: record });
      },
      onError: (error) => {
        throw error;
      },
    });
    // The parser splits at what the standard names; this makes it as strict as the other one.
    parser.feed(body.split(LINE_ENDS).join("\n"));
    return records;
  },
};

const HALF = /[\ud800-\udbff]$/;
const OTHER_HALF = /^[\udc00-\udfff]/;

const END = { done: {} };
const ERROR = {
  error: { code: "INTERNAL", message: "Internal Server Error" },
};

describe.each(["sse", "ndjson"] as const)("a body in %s", (format) => {
  test("brings every text as it was, whatever is in it and however it ends", () =>
    fc.assert(
      fc.asyncProperty(pieces, fc.boolean(), async (chunks, fails) => {
        const body = await received(
          toResponseBody(source(chunks, fails), { format }),
        );
        const records = readers[format](body) as { text: string }[];
        expect(records.pop()).toEqual(fails ? ERROR : END);
        const texts = records.map(({ text }) => text);
        const sent = chunks.join("");
        // Half a character at the end of what broke off is nothing to show.
        expect(texts.join("")).toBe(fails ? sent.replace(HALF, "") : sent);
        // No pair is torn: where a piece ends in a half, the other one never came.
        for (const [index, text] of texts.slice(1).entries())
          expect(HALF.test(texts[index] ?? "") && OTHER_HALF.test(text)).toBe(
            false,
          );
      }),
    ));

  test("brings every object as its JSON", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(fc.dictionary(piece, piece), fc.array(fc.jsonValue())),
        ),
        async (objects) => {
          const body = await received(
            toResponseBody(source(objects, false), { format }),
          );
          expect(readers[format](body)).toEqual([
            ...objects.map((object) => JSON.parse(JSON.stringify({ object }))),
            END,
          ]);
        },
      ),
    ));
});

test("a body of text is the text, and what failed comes on a line of its own", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" })),
      fc.boolean(),
      async (chunks, fails) => {
        const body = await received(
          toResponseBody(source(chunks, fails), { format: "text" }),
        );
        const expected = chunks.join("");
        expect(body.slice(0, expected.length)).toBe(expected);
        expect(body.slice(expected.length)).toMatch(
          fails ? /^\n{1,2}\[INTERNAL\] Internal Server Error\n$/ : /^$/,
        );
      },
    ),
  ));
