import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { type Message, registerModel } from "@lambdallm/core";
import { misfitsOf } from "@lambdallm/core/feature";
import { fakeDate } from "../../../test-support/fake-date.ts";

afterEach(() => {
  jest.useRealTimers();
});

const NOW = Date.UTC(2026, 10, 22);
const bytes = new Uint8Array([1]);
const source = { bytes };

/** Everything that a model may be unable to take. */
const demanding = {
  messages: [
    {
      role: "user",
      content: [
        { image: { format: "png", source } },
        { document: { name: "Report", format: "pdf", source } },
      ],
    },
    { role: "assistant", content: [{ text: "It" }] },
  ] satisfies Message[],
  tools: [{ toolSpec: { name: "look", inputSchema: { json: {} } } }],
};
const textOf = (length: number) => ({
  messages: [
    { role: "user", content: [{ text: "x".repeat(length) }] },
  ] satisfies Message[],
});
const plain = textOf(4);

describe("A model does not fit", () => {
  test("what the catalog says that it cannot take", () => {
    const unable = { vision: false, pdf: false, prefill: false };
    registerModel("misfits.unable", { ...unable, tools: false });
    registerModel("misfits.unable-in-streams", {
      ...unable,
      streamingTools: false,
    });
    const others = [
      "it reads no images",
      "it reads no PDF documents",
      "it takes no answer to continue",
    ];
    const streamed = { ...demanding, onDelta: () => {} };
    expect(misfitsOf(demanding, "misfits.unable")).toEqual([
      "it has no tools",
      ...others,
    ]);
    expect(misfitsOf(streamed, "misfits.unable")).toEqual([
      "it has no tools",
      ...others,
    ]);
    expect(misfitsOf(streamed, "misfits.unable-in-streams")).toEqual([
      "it has no tools in streams",
      ...others,
    ]);
    expect(misfitsOf(demanding, "misfits.unable-in-streams")).toEqual(others);
    expect(
      misfitsOf({ ...plain, onDelta: () => {} }, "misfits.unable"),
    ).toEqual([]);
  });

  test("texts and an answer that are longer than its context, when the answer's length is given", () => {
    registerModel("misfits.short", {
      contextWindowTokens: 1_000,
      maxOutputTokens: 100,
    });
    const misfits = (length: number, options: object) =>
      misfitsOf(textOf(length), "misfits.short", options);
    const tooLong = ["about 1001 tokens do not fit into its context of 1000"];
    expect(misfits(3_600, { outputTokens: 100 })).toEqual([]);
    expect(misfits(3_601, { outputTokens: 100 })).toEqual(tooLong);
    // It writes no more than it can.
    expect(misfits(3_600, { outputTokens: 9_000 })).toEqual([]);
    expect(misfits(3_601, { outputTokens: 9_000 })).toEqual(tooLong);
    expect(misfits(4_001, { outputTokens: 0 })).toEqual(tooLong);
    expect(misfits(9_999, {})).toEqual([]);
    // Somebody has counted them.
    expect(misfits(4, { outputTokens: 1, textTokens: 1_000 })).toEqual(tooLong);
  });

  test("what was too much for a context of the same size", () => {
    registerModel("misfits.medium", { contextWindowTokens: 2_000 });
    const misfits = (tooSmallTokens: number) =>
      misfitsOf(plain, "misfits.medium", { tooSmallTokens });
    expect(misfits(1_999)).toEqual([]);
    expect(misfits(2_000)).toEqual([
      "its context of 2000 tokens is no larger than the one that was too small",
    ]);
  });

  test("anything once its life has ended, but for the Regions where it goes on", () => {
    registerModel("misfits.old", {
      endOfLife: "2026-11-22",
      stillActiveIn: ["eu-west-1"],
    });
    const over = ["it reached its end of life on 2026-11-22"];
    const misfits = (options: object, model = "misfits.old") =>
      misfitsOf(plain, model, options);
    expect(misfits({ now: NOW - 1 })).toEqual([]);
    expect(misfits({ now: NOW })).toEqual(over);
    expect(misfits({ now: NOW, region: "us-east-1" })).toEqual(over);
    expect(misfits({ now: NOW, region: "eu-west-1" })).toEqual([]);
    // An ARN says where it is.
    const arn = (region: string) =>
      `arn:aws:bedrock:${region}:123456789012:application-inference-profile/a`;
    for (const region of ["eu-west-1", "us-east-1"])
      registerModel(arn(region), { baseModel: "misfits.old" });
    const inEurope = { now: NOW, region: "eu-west-1" };
    expect(misfits(inEurope, arn("us-east-1"))).toEqual(over);
    const inAmerica = { now: NOW, region: "us-east-1" };
    expect(misfits(inAmerica, arn("eu-west-1"))).toEqual([]);
  });

  test("by the clock of the moment, where no time is given", () => {
    registerModel("misfits.ending", { endOfLife: "2026-11-22" });
    fakeDate(NOW - 1);
    expect(misfitsOf(plain, "misfits.ending")).toEqual([]);
    jest.setSystemTime(NOW);
    expect(misfitsOf(plain, "misfits.ending")).toHaveLength(1);
  });

  test("nothing that the catalog does not know of it", () => {
    registerModel("misfits.blank", {});
    const streamed = { ...demanding, onDelta: () => {} };
    const options = { outputTokens: 1e9, tooSmallTokens: 1e9 };
    expect(misfitsOf(streamed, "misfits.blank", options)).toEqual([]);
    expect(misfitsOf(streamed, "misfits.nobody-knows", options)).toEqual([]);
  });
});
