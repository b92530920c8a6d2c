import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import { chain } from "@lambdallm/chain";
import { toResponseBody } from "@lambdallm/core";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import retryFallback from "@lambdallm/retry-fallback";
import { middyMajors } from "../../../test-support/middy.ts";
import { inHandler } from "./support.ts";

const THREE = ["facts", "tone", "risks"];

let local: LocalBedrock;
/** Opens when all three have come. */
let gate = Promise.withResolvers<void>();
let waiting = 0;

beforeAll(async () => {
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 28),
    respond: async ({ messages }) => {
      const text = JSON.stringify(messages);
      const name = /"(\w+): /.exec(text)?.[1] ?? "";
      if (THREE.includes(name)) {
        waiting += 1;
        if (waiting === THREE.length) gate.resolve();
        await gate.promise;
      }
      return name === "facts"
        ? JSON.stringify({ list: ["one", "two"] })
        : `${name} of ${text.length}`;
    },
  });
});
beforeEach(() => {
  local.reset();
  gate = Promise.withResolvers();
  waiting = 0;
});
afterAll(() => local.close());

const provider = () =>
  bedrock({
    region: "us-east-1",
    clientConfig: {
      endpoint: local.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
  });

const report = chain("report")
  .step({
    name: "facts",
    prompt: "facts: {text}",
    outputSchema: { list: ["string"] },
  })
  .step({ name: "tone", prompt: "tone: {text}" })
  .step({ name: "risks", prompt: "risks: {text}", retries: 2 })
  .step({
    name: "end",
    prompt: "end: {facts.output.list.1}, {tone.output}, {risks.output}",
  });

describe.each(middyMajors)("A chain over HTTP, on %s,", (_name, middy) => {
  test("has its three independent calls under way at the same time, and joins them", async () => {
    const result = await inHandler(
      (context) => report.run(context, { text: "a text" }),
      { middy, provider: provider() },
    );
    expect(result).toMatchObject({
      status: "completed",
      outputs: { facts: { list: ["one", "two"] } },
    });
    expect(result.totalCostUsd).toBeGreaterThan(0);
    expect(local.requests).toHaveLength(4);
    const { finalOutput, steps } = result;
    expect(finalOutput).toMatch(/^end of/);
    expect(steps.every(({ costUsd = 0 }) => costUsd > 0)).toBe(true);
  });

  test("gets over a throttled call by the retries of its step, or of the middleware", async () => {
    for (const more of [
      [],
      [retryFallback({ baseDelayMs: 0, throttledBaseDelayMs: 0 })],
    ]) {
      local.reset();
      gate.resolve();
      local.setFaults(({ body }) =>
        JSON.stringify(body).includes("risks: ") && local.requests.length <= 3
          ? { error: "ThrottlingException" }
          : undefined,
      );
      const { status } = await inHandler(
        (context) => report.run(context, { text: "a text" }),
        { middy, provider: provider(), more },
      );
      expect(status).toBe("completed");
      expect(local.requests.length).toBeGreaterThan(4);
    }
  });

  test("streams its last step into a response", async () => {
    const body = await inHandler(
      async (context) => {
        let text = "";
        for await (const chunk of toResponseBody(
          report.stream(context, { text: "a text" }).text,
          { format: "text" },
        ))
          text += chunk;
        return text;
      },
      { middy, provider: provider() },
    );
    expect(body).toMatch(/^end of/);
    expect(local.requests.at(-1)?.operation).toBe("ConverseStream");
  });
});
