import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import type { BedrockRequest, LocalBedrock } from "@lambdallm/local";
import { Agent, tool } from "../src/index.ts";
import { calling } from "./support.ts";
import { overHttp, startLocal } from "./wire-support.ts";

let local: LocalBedrock;
/** How many tools each answer calls; an answer without one is the last. */
let calls: number[] = [];
const requests: BedrockRequest[] = [];

beforeAll(async () => {
  local = await startLocal({
    respond: (request) => {
      requests.push(request);
      const count = calls.shift() ?? 0;
      if (count === 0) return "Done.";
      const pages = Array.from(
        { length: count },
        (_, index) => ["look", { page: requests.length * 10 + index }] as const,
      );
      return calling(...pages);
    },
  });
});
afterAll(() => local.close());

const look = (characters: number) =>
  tool({
    name: "look",
    description: "Looks at a page.",
    input: { page: "integer" },
    run: ({ page }) => `Page ${page}: ${"four ".repeat(characters / 5)}`,
  });

/** Of 128,000 tokens, and with tools of its own. */
const SMALL = Model.NOVA_MICRO;

test.each([
  ["one result of more than all of it", [1], 800_000],
  ["four at once, each of which would fit", [4], 200_000],
  [
    "one after the other, until they are too much together",
    [1, 1, 1, 1, 1, 1],
    120_000,
  ],
])(
  "What a model with a small window is sent fits into it: %s",
  async (_what, script, characters) => {
    calls = [...script];
    requests.length = 0;
    const agent = new Agent({
      name: "reader",
      model: SMALL,
      tools: [look(characters)],
      maxResultTokens: 1_000_000,
    });
    const result = await overHttp(local, (context) =>
      agent.run("What do the pages say?", context),
    );
    expect(result).toMatchObject({
      status: "completed",
      answer: "Done.",
      toolCalls: script.reduce((sum, count) => sum + count, 0),
    });
    // The results of the last calls are there, be it their beginnings.
    const last = JSON.stringify(requests.at(-1)?.messages.at(-1));
    expect(last.match(/Page \d+: four/g)).toHaveLength(script.at(-1) ?? 0);
  },
);
