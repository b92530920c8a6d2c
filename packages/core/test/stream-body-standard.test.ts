import { describe, expect, jest, test } from "@jest/globals";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import { type HandlerContext, run } from "./support.ts";

interface Streamed {
  readonly body: AsyncIterable<string> & { destroy(): void };
}

test("a streamed body says once what to do when the handler does not stream, and the response becomes JSON", async () => {
  const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
  for (const [, middy] of middyMajors) {
    const model = new MockProvider();
    const response = await run(
      middy,
      [model.middleware()],
      async (context) => ({
        statusCode: 200,
        body: context.stream("Hi"),
      }),
    );
    expect(JSON.stringify(response)).toBe(
      '{"statusCode":200,"body":"[stream]"}',
    );
    // Nobody reads it: its timer would go on until the deadline.
    (response as unknown as Streamed).body.destroy();
  }
  expect(warnings.mock.calls).toEqual([
    [
      'A streamed body was written as JSON, as "[stream]": where that is the response and not a log, the handler does not stream; set Middy\'s executionMode to executionModeStreamifyResponse, or return a string',
      "LambdaLLMWarning",
    ],
  ]);
  warnings.mockRestore();
});

describe.each(middyMajors)("a streamed body on %s", (_name, middy) => {
  test("is only named by a logger, and read all the same, without a warning once it is being read", async () => {
    const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
    const logged: string[] = [];
    const log = {
      after: async (request: { response?: unknown }) => {
        logged.push(JSON.stringify(request.response));
      },
    };
    const chain = middy<object, unknown, Error, HandlerContext>()
      .use(log)
      .use(new MockProvider({ responses: ["Once"] }).middleware())
      .handler(async (_event, context) => ({
        statusCode: 200,
        body: context.stream("Hi"),
      }));
    const context = new MockLambdaContext() as unknown as HandlerContext;
    const { body } = (await chain({}, context)) as Streamed;
    warnings.mockClear();
    let text = "";
    for await (const chunk of body) {
      text += chunk;
      logged.push(JSON.stringify({ body }));
    }
    expect(text).toBe("Once");
    expect(logged[0]).toBe('{"statusCode":200,"body":"[stream]"}');
    expect(logged[1]).toBe('{"body":"[stream]"}');
    expect(warnings).not.toHaveBeenCalled();
    warnings.mockRestore();
  });

  test.each([
    [undefined, ["a=1; Path=/", "b=2"]],
    [["c=3"], ["c=3", "a=1; Path=/", "b=2"]],
  ])(
    "keeps all cookies of Headers, after those in cookies: %j",
    async (given, cookies) => {
      const headers = new Headers({ "x-a": "b" });
      headers.append("set-cookie", "a=1; Path=/");
      headers.append("set-cookie", "b=2");
      const response = await run(
        middy,
        [new MockProvider().middleware()],
        async ({ stream }) => ({
          statusCode: 200,
          headers,
          ...(given && { cookies: given }),
          body: stream("Hi"),
        }),
      );
      expect({ ...response, body: undefined }).toEqual({
        statusCode: 200,
        headers: { "x-a": "b" },
        cookies,
        body: undefined,
      });
      (response as unknown as Streamed).body.destroy();
    },
  );

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
    expect(printed()).toEqual(["A streamed response failed: Error: no"]);
  });
});
