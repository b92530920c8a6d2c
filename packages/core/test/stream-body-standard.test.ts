import { describe, expect, test } from "@jest/globals";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { run } from "./support.ts";

interface Streamed {
  readonly body: AsyncIterable<string> & { destroy(): void };
}

describe.each(middyMajors)("a streamed body on %s", (_name, middy) => {
  test("says what to do when the handler does not stream, and the response becomes JSON", async () => {
    const model = new MockProvider();
    const response = await run(
      middy,
      [model.middleware()],
      async (context) => ({
        statusCode: 200,
        body: context.stream("Hi"),
      }),
    );
    expect(() => JSON.stringify(response)).toThrow(
      "set Middy's executionMode to executionModeStreamifyResponse",
    );
    // Nobody reads it: its timer would go on until the deadline.
    (response as unknown as Streamed).body.destroy();
  });

  test("reads its content type from Headers as well", async () => {
    const model = new MockProvider({
      responses: [{ pieces: ["a"], error: new Error("no") }],
    });
    const response = (await run(
      middy,
      [model.middleware()],
      async (context) => {
        context.llm.stream("ignored");
        return {
          statusCode: 200,
          headers: new Headers({ "Content-Type": "text/event-stream" }),
          body: context.stream("Hi"),
        };
      },
    )) as unknown as Streamed;
    let text = "";
    for await (const chunk of response.body) text += chunk;
    expect(text).toContain("event: error\ndata: ");
  });
});
