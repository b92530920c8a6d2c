import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { type ConverseRequest, Model } from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { bodyOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  // Some of the models that need adapting have reached their end of life by now.
  local = await start({ now: () => Date.UTC(2025, 5, 1) });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const send = async (request: Partial<ConverseRequest>) => {
  await invocation(local, (context) =>
    context.converse({
      messages: [{ role: "user", content: [{ text: "Well?" }] }],
      ...request,
    }),
  );
  return bodyOf(local);
};

describe("A request is compiled for the model at hand", () => {
  test("a system prompt goes in front of the first message where there is no system field", async () => {
    const body = await send({
      model: Model.TITAN_TEXT_EXPRESS,
      system: [
        { text: "Be brief." },
        { guardContent: { text: { text: "mind this" } } },
        {
          guardContent: {
            image: { format: "png", source: { bytes: new Uint8Array() } },
          },
        },
        { $unknown: ["future", {}] },
        { text: "Be kind." },
      ],
    });
    expect(body).not.toHaveProperty("system");
    expect(body["messages"]).toEqual([
      {
        role: "user",
        content: [{ text: "Be brief.\n\nmind this\n\nBe kind.\n\nWell?" }],
      },
    ]);
  });

  test("also when the first message begins with something else", async () => {
    const document = {
      document: { name: "notes", format: "txt", source: { text: "Note" } },
    };
    const withDocument = await send({
      model: Model.TITAN_TEXT_LITE,
      system: "Be brief.",
      messages: [{ role: "user", content: [document, { text: "What?" }] }],
    });
    expect(withDocument).toMatchObject({
      messages: [
        {
          content: [{ text: "Be brief." }, { document: {} }, { text: "What?" }],
        },
      ],
    });
  });

  test("sampling fields are left out for models that refuse them", async () => {
    const body = await send({
      model: Model.CLAUDE_OPUS_5,
      temperature: 0,
      topP: 1,
      maxTokens: 10,
    });
    expect(body["inferenceConfig"]).toEqual({ maxTokens: 10 });
  });

  test("temperature wins where only one sampling field is taken", async () => {
    const maxTokens = 10;
    const both = { temperature: 0.5, topP: 0.9, maxTokens };
    expect(
      (await send({ model: Model.CLAUDE_HAIKU_4_5, ...both }))[
        "inferenceConfig"
      ],
    ).toEqual({ maxTokens, temperature: 0.5 });
    expect(
      (await send({ model: Model.CLAUDE_HAIKU_4_5, topP: 0.9, maxTokens }))[
        "inferenceConfig"
      ],
    ).toEqual({ maxTokens, topP: 0.9 });
    expect(
      (await send({ model: Model.NOVA_LITE, ...both }))["inferenceConfig"],
    ).toEqual(both);
  });

  test("maxTokens is what the model can give at most", async () => {
    const body = await send({ model: Model.LLAMA3_8B, maxTokens: 100_000 });
    expect(body["inferenceConfig"]).toEqual({ maxTokens: 2_048 });
  });

  test("cache points are left out for models that refuse them", async () => {
    const body = await send({
      model: Model.LLAMA3_8B,
      system: [{ text: "s" }, { cachePoint: { type: "default" } }],
      messages: [
        {
          role: "user",
          content: [{ text: "Well?" }, { cachePoint: { type: "default" } }],
        },
      ],
    });
    expect(JSON.stringify(body)).not.toContain("cachePoint");
  });

  test("a managed prompt brings its own settings", async () => {
    const body = await send({
      model: "arn:aws:bedrock:us-east-1:123456789012:prompt/ABC:1",
      system: "ignored",
      maxTokens: 10,
      bedrock: { promptVariables: { name: { text: "Ada" } } },
    });
    expect(body).toEqual({
      messages: [{ role: "user", content: [{ text: "Well?" }] }],
      promptVariables: { name: { text: "Ada" } },
    });
  });

  test("a tool choice without tools is refused here", async () => {
    await expect(send({ toolChoice: { any: {} } })).rejects.toThrow(
      "`toolChoice` was given without `tools`",
    );
    expect(local.requests).toHaveLength(0);
  });

  test("lone surrogates are replaced, because they have no UTF-8 form", async () => {
    const body = await send({
      messages: [{ role: "user", content: [{ text: "a\ud800b" }] }],
    });
    expect(body["messages"]).toEqual([
      { role: "user", content: [{ text: "a\ufffdb" }] },
    ]);
  });
});

describe("Where a model is reached", () => {
  const modelIdFor = async (
    model: string,
    region: string,
    inferenceProfile?: "geographic" | "global" | "none",
  ) => {
    await invocation(
      local,
      (context) =>
        context.invoke("Hello", undefined, { model }).catch(() => ""),
      { region, ...(inferenceProfile && { inferenceProfile }) },
    );
    return local.requests.at(-1)?.modelId;
  };
  const haiku = Model.CLAUDE_HAIKU_4_5;

  test.each([
    ["us-east-1", `us.${haiku}`],
    ["eu-west-1", `eu.${haiku}`],
    ["ap-northeast-1", `jp.${haiku}`],
    ["ap-northeast-3", `jp.${haiku}`],
    ["ap-southeast-2", `au.${haiku}`],
    ["ap-southeast-4", `au.${haiku}`],
    ["ap-south-1", `in.${haiku}`],
    ["ap-south-2", `in.${haiku}`],
    ["ap-southeast-1", `apac.${haiku}`],
    // No geography has a profile for it: the global one is left.
    ["sa-east-1", `global.${haiku}`],
    ["ca-central-1", `global.${haiku}`],
    ["af-south-1", `global.${haiku}`],
  ])("a bare id in %s is sent to %s", async (region, expected) => {
    expect(await modelIdFor(haiku, region)).toBe(expected);
  });

  test.each([
    ["global", `global.${haiku}`],
    ["none", haiku],
  ] as const)(
    "inferenceProfile %s sends it to %s",
    async (profile, expected) => {
      expect(await modelIdFor(haiku, "eu-west-1", profile)).toBe(expected);
    },
  );

  test("a model without the wanted kind of profile is reached by the other", async () => {
    expect(await modelIdFor(Model.CLAUDE_OPUS_4_1, "eu-west-1", "global")).toBe(
      `eu.${Model.CLAUDE_OPUS_4_1}`,
    );
    expect(await modelIdFor(Model.NOVA_LITE, "sa-east-1")).toBe(
      Model.NOVA_LITE,
    );
  });

  test.each([
    [haiku, "us-gov-west-1", "apac, au, eu, global, in, jp, us"],
    [Model.CLAUDE_OPUS_4_1, "sa-east-1", "eu, us"],
  ])(
    "%s has no way in %s, and the error names those that there are",
    async (model, region, profiles) => {
      const failed = await invocation(
        local,
        (context) => context.invoke("Hello", {}, { model }).catch(String),
        { region },
      );
      expect(failed).toContain(`cannot be called from ${region}`);
      expect(failed).toContain(`has them for ${profiles} only`);
      expect(local.requests).toHaveLength(0);
    },
  );

  test.each([
    `eu.${haiku}`,
    `global.${haiku}`,
    Model.LLAMA3_8B,
    "my.own-model-v1:0",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
    "arn:aws-us-gov:bedrock:us-gov-west-1:1:application-inference-profile/abc",
    "arn:aws:sagemaker:us-east-1:1:endpoint/mine",
  ])("%s is sent as it is", async (model) => {
    expect(await modelIdFor(model, "us-east-1")).toBe(model);
  });

  test("an ARN is called in its own Region", async () => {
    const response = await invocation(local, (context) =>
      context.converse({
        model: "arn:aws:bedrock:ap-south-1:1:application-inference-profile/x",
        messages: [{ role: "user", content: [{ text: "Hello" }] }],
      }),
    );
    expect(response.region).toBe("ap-south-1");
    expect(local.requests.at(-1)?.headers["authorization"]).toContain(
      "/ap-south-1/bedrock/",
    );
  });

  test("an ARN without a Region is called in the configured one", async () => {
    expect(
      await modelIdFor("arn:aws:bedrock:::foundation-model/x", "us-west-2"),
    ).toBe("arn:aws:bedrock:::foundation-model/x");
    expect(local.requests.at(-1)?.headers["authorization"]).toContain(
      "/us-west-2/",
    );
  });

  test.each(["with space", "", "a".repeat(2_049), "naïve", "x\ny", "a?b=c#d"])(
    "the model %j cannot be an id, and that is said before anything is sent",
    async (model) => {
      await expect(
        invocation(local, (context) =>
          context.converse({
            model,
            messages: [{ role: "user", content: [{ text: "Hi" }] }],
          }),
        ),
      ).rejects.toMatchObject({
        name: "ConfigurationError",
        message: expect.stringContaining("model"),
      });
      expect(local.requests).toHaveLength(0);
    },
  );
});
