import { expect, test } from "@jest/globals";
import { MockLambdaContext, MockProvider, mockModel } from "@lambdallm/testing";
import middy from "@middy/core";

const schema = { title: "string", tags: ["string"] } as const;
const sea = { title: "Sea", tags: ["blue"] };

const model = new MockProvider({ responses: [{ value: sea }] });
const handler = middy()
  .use(model.middleware())
  .handler(async (_event, context) => {
    const states: unknown[] = [];
    for await (const state of context.streamStructured("Describe it.", schema))
      states.push(state);
    return {
      value: await context.invokeStructured("Describe it.", schema),
      states,
    };
  });

test("a value answers invokeStructured, and grows for streamStructured", async () => {
  const { value, states } = await handler({}, new MockLambdaContext());
  expect(value).toEqual(sea);
  expect(states.at(-1)).toEqual(sea);
});

test(
  "JSON in a text does as well, and a wrong answer is sent back",
  mockModel(
    {
      responses: [
        { value: sea },
        "no",
        'Here: {"title":"Sea","tags":["blue"]}',
      ],
    },
    async (mock) => {
      expect((await handler({}, new MockLambdaContext())).value).toEqual(sea);
      expect(mock.totalCalls).toBe(3);
      expect(mock.lastPrompt).toContain("the answer is not JSON");
    },
  ),
);
