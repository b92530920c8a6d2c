import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  generateCatalog,
  type Names,
  type Source,
  type SourceModel,
} from "../../../scripts/generate-catalog.ts";
import { ConfigurationError } from "../src/contract/errors.ts";
import {
  baseModelId,
  findModel,
  listModels,
  registerModel,
} from "../src/models/catalog.ts";
import { Model, type ModelId } from "../src/models/model.ts";
import type { ModelInfo, ModelPrices } from "../src/models/model-info.ts";

const read = (path: string) =>
  readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const source: Source = JSON.parse(read("data/bedrock-models.json"));
const names: Names = JSON.parse(read("data/names.json"));

const HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0";
const GPT = "openai.gpt-5.6-sol";
const LLAMA = "meta.llama3-70b-instruct-v1:0";
const EARLY = Date.parse("2025-01-01");
const LATE = Date.parse("2030-01-01");

/** What the JSON says, read in the slowest and most literal way. */
function pricesIn(model: SourceModel, place?: string): ModelPrices {
  const { longContext: base, ...own } = {
    input: model.input,
    output: model.output,
    cacheRead: model.cacheRead,
    cacheWrite: model.cacheWrite,
    cacheWrite1h: model.cacheWrite1h,
    longContext: model.longContext,
    ...(place === undefined ? undefined : model.regional?.[place]),
  };
  const regional = place && model.regional?.[place]?.longContext;
  const longContext = base && { ...model.longContext, ...base, ...regional };
  return JSON.parse(JSON.stringify({ ...own, longContext }));
}

function capabilitiesIn(id: string, model: SourceModel): ModelInfo {
  const known = (value: boolean | null | undefined) => value ?? undefined;
  const info = {
    id,
    contextWindowTokens: model.contextWindow,
    maxOutputTokens: model.maxOutput,
    tools: known(model.tools),
    streamingTools: known(model.streamingTools),
    systemPrompt: known(model.systemPrompt),
    nativeStructuredOutput: known(model.nativeStructuredOutput),
    vision: known(model.vision),
    pdf: known(model.pdf),
    promptCaching: known(model.promptCaching),
    cacheMinTokens: model.cacheMinTokens,
    reasoning: known(model.reasoning),
    samplingParameters: known(model.samplingParams),
    stopSequences: known(model.stopSequences),
    toolChoiceAny: known(model.toolChoiceAny),
    toolChoiceTool: known(model.toolChoiceTool),
    prefill: known(model.prefill),
    systemMessages: known(model.systemMessages),
    reasoningReplay: known(model.reasoningReplay),
    maxOutputExclusive: known(model.maxOutputExclusive),
    onDemand: known(model.onDemand),
    endOfLife: model.eol,
    stillActiveIn: model.stillActiveIn,
    profiles: model.profiles,
    replacement: names[id]?.replacement,
  };
  return JSON.parse(JSON.stringify(info));
}

const models = Object.entries(source.models);

describe("the catalog", () => {
  test("is what the generator makes of the data", () => {
    for (const [path, text] of Object.entries(generateCatalog(source, names)))
      expect(read(path)).toBe(text);
  });

  test.each(models)("says of %s what the data says", (id, model) => {
    const { prices: _, ...info } = findModel(id) ?? {};
    expect(info).toStrictEqual(capabilitiesIn(id, model));
    expect(listModels()).toContainEqual(
      expect.objectContaining({ id, ...info }),
    );
  });

  test.each(models)("prices %s everywhere as the data does", (id, model) => {
    const at = (modelId: string, region?: string) =>
      findModel(modelId, { region, now: EARLY })?.prices;
    const inRegion = model.regional?.["inRegion"] && "inRegion";
    expect(at(id)).toStrictEqual(pricesIn(model, inRegion));
    expect(at(id, "us-east-1")).toStrictEqual(pricesIn(model, inRegion));
    for (const profile of model.profiles ?? [])
      expect(at(`${profile}.${id}`)).toStrictEqual(pricesIn(model, profile));
    for (const place of Object.keys(model.regional ?? {}))
      if (/\d$/.test(place)) {
        expect(at(id, place)).toStrictEqual(pricesIn(model, place));
        const arn = `arn:aws:bedrock:${place}::foundation-model/${id}`;
        expect(at(arn)).toStrictEqual(pricesIn(model, place));
      } else if (place !== "inRegion") expect(model.profiles).toContain(place);
  });

  test("lists every model with its base prices, those of the global profile", () => {
    expect(listModels().map(({ id }) => id)).toStrictEqual(
      models.map(([id]) => id),
    );
    for (const { id, prices } of listModels()) {
      const model = source.models[id];
      if (model?.extendedAccess === undefined)
        expect(prices).toStrictEqual(model && pricesIn(model));
    }
  });

  test("hands out objects that cannot spoil later answers", () => {
    const first = findModel(HAIKU);
    for (const part of [first, first?.prices])
      expect(() => Object.assign(part ?? {}, { input: 0 })).toThrow(TypeError);
    // Whoever does not care about `readonly` can still call push.
    const profiles = first?.profiles as string[];
    expect(() => profiles.push("moon")).toThrow(TypeError);
    expect(findModel(HAIKU)?.tools).toBe(true);
    expect(() => Object.assign(Model, { NOVA_LITE: "" })).toThrow(TypeError);
  });
});

describe("the replacement of a model with an end of life", () => {
  test.each(models.filter(([, model]) => model.eol !== undefined))(
    "%s lives on and can do all that it could",
    (id, model) => {
      const successor = findModel(findModel(id)?.replacement ?? "");
      expect(successor?.endOfLife).toBeUndefined();
      for (const capability of [
        "tools",
        "streamingTools",
        "systemPrompt",
        "nativeStructuredOutput",
        "vision",
        "pdf",
        "promptCaching",
        "reasoning",
        "toolChoiceAny",
        "toolChoiceTool",
      ] as const)
        if (model[capability] === true)
          expect([capability, successor?.[capability]]).toStrictEqual([
            capability,
            true,
          ]);
      expect(successor?.samplingParameters).not.toBe(false);
      expect(successor?.contextWindowTokens).toBeGreaterThanOrEqual(
        model.contextWindow,
      );
      expect(successor?.maxOutputTokens).toBeGreaterThanOrEqual(
        Math.min(model.maxOutput, 4096),
      );
    },
  );
});

describe("the generator", () => {
  const model = { input: 1, output: 2, contextWindow: 1, maxOutput: 1 };
  const generate = (
    changed: Source["models"],
    named: Names,
    retrieved = "2026-11",
  ) => generateCatalog({ retrieved, models: changed }, named);

  test("refuses a model without a name and a name without a model", () => {
    expect(() => generate({ a: model }, {})).toThrow("lacks a");
    const both = { a: { constant: "A", name: "A" } };
    expect(() => generate({}, both)).toThrow("not in the data");
  });

  test("refuses names that are no constants or are taken", () => {
    const a = { constant: "a", name: "A" };
    expect(() => generate({ a: model }, { a })).toThrow("UPPER_SNAKE");
    const b = { constant: "B", name: "B" };
    expect(() => generate({ a: model, b: model }, { a: b, b })).toThrow(
      "taken",
    );
  });

  test("refuses an end of life without a living replacement", () => {
    const a = { constant: "A", name: "A" };
    const b = { constant: "B", name: "B", replacement: "a" };
    const dead = { ...model, eol: "2026-10-31" };
    const dying = { ...model, eol: "2026-12-31" };
    expect(() => generate({ a: dead }, { a })).toThrow("a replacement is due");
    expect(() => generate({ b: model }, { b })).toThrow("a replacement is due");
    expect(() => generate({ b: dead }, { b })).toThrow("not in the data");
    const two = { a: { ...a, replacement: "b" }, b };
    expect(() => generate({ a: dead, b: dead }, two)).toThrow("retired itself");
    expect(() => generate({ a: dying, b: dying }, two)).not.toThrow();
  });

  test("refuses what its format cannot carry", () => {
    const a = { constant: "A", name: "A" };
    expect(() => generate({ "a|b": model }, { "a|b": a })).toThrow("written");
    const profiles = Array.from({ length: 37 }, (_, index) => `p${index}`);
    expect(() => generate({ a: { ...model, profiles } }, { a })).toThrow(
      "more places than letters",
    );
  });
});

describe("Model", () => {
  test("has a constant for every model of the catalog", () => {
    expect(Object.values(Model)).toStrictEqual(models.map(([id]) => id));
    for (const [constant, id] of Object.entries(Model))
      expect(names[id]?.constant).toBe(constant);
  });

  test("has the eight names of the reference", () => {
    expect({ ...Model }).toMatchObject({
      CLAUDE_3_HAIKU: "anthropic.claude-3-haiku-20240307-v1:0",
      CLAUDE_3_SONNET: "anthropic.claude-3-sonnet-20240229-v1:0",
      CLAUDE_3_5_SONNET: "anthropic.claude-3-5-sonnet-20241022-v2:0",
      CLAUDE_3_OPUS: "anthropic.claude-3-opus-20240229-v1:0",
      TITAN_TEXT_EXPRESS: "amazon.titan-text-express-v1",
      TITAN_TEXT_LITE: "amazon.titan-text-lite-v1",
      LLAMA3_8B: "meta.llama3-8b-instruct-v1:0",
      LLAMA3_70B: LLAMA,
    });
  });

  test("is typed by its values, and any other id is an id too", () => {
    const haiku: "anthropic.claude-haiku-4-5-20251001-v1:0" =
      Model.CLAUDE_HAIKU_4_5;
    const ids: ModelId[] = [haiku, Model.NOVA_2_LITE, "my.own-model"];
    expect(ids).toHaveLength(3);
  });

  test("deprecates retired models and names their successors", () => {
    expect(read("src/models/model.ts")).toContain(
      "/** @deprecated Retired on 2026-09-10; use {@link CLAUDE_HAIKU_4_5}. */\n  readonly CLAUDE_3_HAIKU:",
    );
  });
});

describe("baseModelId", () => {
  test.each([
    [HAIKU, HAIKU],
    [`us.${HAIKU}`, HAIKU],
    [`us-gov.${HAIKU}`, HAIKU],
    [`global.${HAIKU}`, HAIKU],
    [`mx.${HAIKU}`, HAIKU],
    ["eu.acme.new-model-v1:0", "acme.new-model-v1:0"],
    ["mx.acme.new-model-v1:0", "mx.acme.new-model-v1:0"],
    [`arn:aws:bedrock:us-east-1::foundation-model/${HAIKU}`, HAIKU],
    [
      `arn:aws-us-gov:bedrock:us-gov-west-1:1:inference-profile/us-gov.${HAIKU}`,
      HAIKU,
    ],
    [`arn:aws-cn:bedrock:cn-north-1::foundation-model/${HAIKU}:200k`, HAIKU],
    [`us.${HAIKU}:200k`, HAIKU],
    ["anthropic.claude-v2:1:200k", "anthropic.claude-v2:1"],
    ["anthropic.claude-v2:0:18k", "anthropic.claude-v2:0"],
    ["amazon.titan-text-express-v1:0:8k", "amazon.titan-text-express-v1"],
    ["acme.model:200k", "acme.model"],
    [
      "arn:aws:bedrock:us-east-1:1:prompt/ABC:1",
      "arn:aws:bedrock:us-east-1:1:prompt/ABC:1",
    ],
    ["", ""],
  ])("%s is %s", (id, base) => {
    expect(baseModelId(id)).toBe(base);
  });
});

describe("findModel", () => {
  const price = (id: string, region?: string, now = EARLY) =>
    findModel(id, { region, now })?.prices?.input;

  test("takes the price of the profile, and of the Region for a bare id", () => {
    expect(price(`global.${HAIKU}`)).toBe(1);
    expect(price(`us.${HAIKU}`)).toBe(1.1);
    expect(price(`us.${HAIKU}`, "us-gov-west-1")).toBe(1.1);
    expect(price(HAIKU, "us-gov-west-1")).toBe(1.2);
    expect(price(HAIKU, "us-east-1")).toBe(1);
    expect(price(GPT)).toBe(4.4);
    expect(price(GPT, "us-west-2")).toBe(4.4);
    expect(price(`global.${GPT}`)).toBe(4);
    expect(price(LLAMA, "eu-west-2")).toBe(3.45);
  });

  test("prefers the Region of an ARN, unless the ARN has none", () => {
    const arn = (region: string) =>
      `arn:aws:bedrock:${region}::foundation-model/${LLAMA}`;
    expect(price(arn("sa-east-1"), "eu-west-2")).toBe(4.45);
    expect(price(arn(""), "eu-west-2")).toBe(3.45);
    const profile = `arn:aws:bedrock:sa-east-1:1:inference-profile/us.${HAIKU}`;
    expect(price(profile)).toBe(1.1);
  });

  test("knows capabilities but no price of a profile that the model is not known to have", () => {
    for (const id of [`ca.${HAIKU}`, `mx.${HAIKU}`, `us.${LLAMA}`]) {
      expect(findModel(id)?.systemPrompt).toBe(true);
      expect(findModel(id)).not.toHaveProperty("prices");
    }
  });

  test("applies extended access prices from their date, except where a Region has its own", () => {
    const [before, after] = [
      Date.parse("2025-11-30T23:59:59.999Z"),
      Date.parse("2025-12-01T00:00:00.000Z"),
    ];
    const id = Model.CLAUDE_3_5_SONNET;
    expect(findModel(id, { now: before })?.prices).toStrictEqual({
      input: 3,
      output: 15,
      cacheRead: 0.3,
      cacheWrite: 3.75,
    });
    for (const modelId of [id, `us.${id}`])
      expect(findModel(modelId, { now: after })?.prices).toStrictEqual({
        input: 6,
        output: 30,
        cacheRead: 0.6,
        cacheWrite: 7.5,
      });
    const first = "anthropic.claude-3-5-sonnet-20240620-v1:0";
    expect(price(first, "us-gov-west-1", LATE)).toBe(3.6);
    expect(price(first, "us-east-1", LATE)).toBe(6);
    expect(findModel(id)?.prices?.input).toBe(6);
  });

  test.each([
    "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
    "arn:aws:bedrock:us-east-1:1:provisioned-model/abc",
    "arn:aws:bedrock:us-east-1:1:prompt/ABC:1",
    "arn:aws:bedrock:us-east-1:1:default-prompt-router/anthropic.claude:1",
    "arn:aws:bedrock:us-east-1:1:custom-model-deployment/abc",
    "arn:aws:bedrock:us-east-1:1:imported-model/abc",
    "arn:aws:sagemaker:us-east-1:1:endpoint/abc",
    "anthropic.claude-haiku-4-5",
    `us.us.${HAIKU}`,
    `${HAIKU} `,
    `1${HAIKU}`,
    "",
    ".",
    "us.",
    "base",
    "__proto__",
    "constructor",
    "toString",
    "us.__proto__",
  ])("does not know %j", (id) => {
    expect(findModel(id)).toBeUndefined();
    expect(findModel(id, { region: "__proto__" })).toBeUndefined();
  });

  test("is not slowed down by long ids", () => {
    const started = performance.now();
    for (const part of ["us.", ":1k", ":1", "1", "-", "arn:aws:", "a|", "\n"]) {
      const id = part.repeat(100_000 / part.length);
      for (const hostile of [id, `${id}k`, `arn:aws${id}`, `us.${id}`])
        expect(findModel(hostile)).toBeUndefined();
    }
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe("registerModel", () => {
  let count = 0;
  let id: string;
  const fresh = () => `acme.model-${++count}`;

  // Registrations live as long as the process, so each test has ids of its own.
  beforeEach(() => {
    id = fresh();
  });

  test("makes a model of one's own known, and listed", () => {
    registerModel(id, { prices: { input: 1, output: 2 }, tools: true });
    const info = { id, prices: { input: 1, output: 2 }, tools: true };
    expect(findModel(id)).toStrictEqual(info);
    expect(listModels()).toContainEqual(info);
  });

  test("names the model behind an opaque ARN, with the price of the ARN's Region", () => {
    const arn = `arn:aws:bedrock:eu-west-2:1:application-inference-profile/${id}`;
    expect(findModel(arn)).toBeUndefined();
    registerModel(arn, { baseModel: LLAMA });
    expect(findModel(arn)).toStrictEqual(
      findModel(LLAMA, { region: "eu-west-2" }),
    );
    expect(listModels().filter((model) => model.id === LLAMA)).toHaveLength(1);
    registerModel(arn, { baseModel: `us.${HAIKU}`, vision: false });
    expect(findModel(arn)).toStrictEqual({
      ...findModel(`us.${HAIKU}`),
      vision: false,
    });
  });

  test("replaces the catalog's prices as a whole and keeps the rest", () => {
    const model = Model.NOVA_MICRO;
    registerModel(model, { prices: { input: 7, output: 8 } });
    const prices = { input: 7, output: 8 };
    for (const known of [
      model,
      `us.${model}`,
      `${model}:128k`,
      `arn:aws:bedrock:us-east-1::foundation-model/${model}`,
    ])
      expect(findModel(known)).toMatchObject({
        id: model,
        prices,
        tools: true,
      });
    expect(findModel(`jp.${model}`)).toMatchObject({ id: model, tools: true });
    expect(findModel(`jp.${model}`)?.prices).toBeUndefined();
    expect(
      listModels().find((info) => info.id === model)?.prices,
    ).toStrictEqual(prices);
  });

  test("corrects a single profile without touching the others", () => {
    const model = Model.NOVA_2_LITE;
    registerModel(`jp.${model}`, { prices: { input: 7, output: 8 } });
    expect(findModel(`jp.${model}`)).toMatchObject({
      id: model,
      prices: { input: 7, output: 8 },
      tools: true,
    });
    const arn = `arn:aws:bedrock:ap-northeast-1:1:inference-profile/jp.${model}`;
    expect(findModel(arn)?.prices?.input).toBe(7);
    expect(findModel(model)?.prices?.input).toBe(0.33);
    expect(findModel(`us.${model}`)?.prices?.input).toBe(0.33);
  });

  test("gives a new model its profiles, a new geography among them", () => {
    registerModel(id, {
      prices: { input: 1, output: 2 },
      profiles: ["us", "mx"],
    });
    expect(findModel(`us.${id}`)?.prices?.input).toBe(1);
    expect(findModel(`mx.${id}`)?.prices?.input).toBe(1);
    expect(findModel(`eu.${id}`)).toStrictEqual({ id, profiles: ["us", "mx"] });
    expect(findModel(`sa.${id}`)).toBeUndefined();
  });

  test("inherits from registered models too, and ends in the catalog when it runs in circles", () => {
    const [a, b] = [fresh(), fresh()];
    registerModel(a, { baseModel: LLAMA, tools: true });
    registerModel(b, { baseModel: a, vision: true });
    registerModel(a, { baseModel: b, pdf: true });
    expect(findModel(b)).toStrictEqual({ id: a, vision: true, pdf: true });
    registerModel(a, { baseModel: LLAMA });
    expect(findModel(b)).toMatchObject({ id: LLAMA, vision: true });
    const own = Model.NOVA_PREMIER;
    registerModel(own, { baseModel: own, tools: false });
    expect(findModel(own)).toMatchObject({ vision: true, tools: false });
  });

  test("replaces an earlier registration and ignores later changes of its argument", () => {
    const prices = { input: 1, output: 2 };
    registerModel(id, { tools: true });
    registerModel(id, { prices });
    prices.input = 9;
    expect(findModel(id)).toStrictEqual({
      id,
      prices: { input: 1, output: 2 },
    });
  });

  test("takes every capability, and the rest of them from the base model", () => {
    const facts = {
      stopSequences: false,
      toolChoiceAny: true,
      toolChoiceTool: false,
      prefill: false,
      systemMessages: true,
      reasoningReplay: false,
      maxOutputExclusive: true,
      onDemand: false,
    };
    registerModel(id, facts);
    expect(findModel(id)).toStrictEqual({ id, ...facts });
    const arn = `arn:aws:bedrock:us-east-1:1:application-inference-profile/${id}`;
    registerModel(arn, { baseModel: Model.DEEPSEEK_R1, prefill: true });
    expect(findModel(arn)).toMatchObject({
      prefill: true,
      systemMessages: false,
      reasoningReplay: false,
    });
  });

  test("ignores fields that are undefined", () => {
    const facts = { baseModel: LLAMA, tools: undefined } as object;
    registerModel(id, facts);
    expect(findModel(id)?.tools).toBe(false);
  });

  test.each<[string, object]>([
    ["prices.input", { prices: { output: 1 } }],
    ["prices.output", { prices: { input: 1 } }],
    ["prices.input", { prices: { input: -1, output: 1 } }],
    ["prices.output", { prices: { input: 1, output: Number.NaN } }],
    ["prices.cacheRead", { prices: { input: 1, output: 1, cacheRead: "0" } }],
    [
      "prices.cacheWrite",
      { prices: { input: 1, output: 1, cacheWrite: null } },
    ],
    [
      "prices.longContext.aboveInputTokens",
      {
        prices: {
          input: 1,
          output: 1,
          longContext: { input: 1, output: 1, aboveInputTokens: Infinity },
        },
      },
    ],
    [
      "prices.serviceTiers.flex.input",
      {
        prices: {
          input: 1,
          output: 1,
          serviceTiers: { flex: { input: -1, output: 1 } },
        },
      },
    ],
    ["maxOutputTokens", { maxOutputTokens: -1 }],
    ["tools", { tools: null }],
    ["stopSequences", { stopSequences: "no" }],
    ["maxOutputExclusive", { maxOutputExclusive: 1 }],
    ["price", { price: 1 }],
    ["id", { id: "x" }],
    ["baseModel", { baseModel: "acme.nobody" }],
  ])("refuses a wrong %s and names it", (field, facts) => {
    const register = () => registerModel("acme.wrong", facts);
    expect(register).toThrow(ConfigurationError);
    expect(register).toThrow(`registerModel("acme.wrong"): ${field} `);
    expect(findModel("acme.wrong")).toBeUndefined();
  });

  test.each(["", "  ", undefined])("refuses %j as an id", (wrong) => {
    // A JavaScript caller can pass anything.
    expect(() => registerModel(wrong as string, {})).toThrow(
      ConfigurationError,
    );
  });

  test("keeps names of Object.prototype apart from everything else", () => {
    registerModel("__proto__", { tools: true });
    expect(findModel("__proto__")).toStrictEqual({
      id: "__proto__",
      tools: true,
    });
    expect(findModel("constructor")).toBeUndefined();
    expect(findModel(HAIKU)?.id).toBe(HAIKU);
  });
});
