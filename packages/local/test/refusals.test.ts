import {
  type BedrockRuntimeClient,
  CountTokensCommand,
  InvokeModelCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { registerModel } from "@lambdallm/core";
import {
  type LocalBedrock,
  type ServiceErrorName,
  startBedrock,
} from "../src/index.ts";
import { ask, clientOf, collect, converse, EARLY, post } from "./helpers.ts";
import { blocks } from "./refusals/blocks.ts";
import { cachePoints } from "./refusals/cache-points.ts";
import { files } from "./refusals/files.ts";
import { messages } from "./refusals/messages.ts";
import { profiles } from "./refusals/profiles.ts";
import { type Input, inputOf, type Refusal } from "./refusals/refusal.ts";
import { schemas } from "./refusals/schemas.ts";
import { context, settings, systemPrompts } from "./refusals/settings.ts";
import { thinking } from "./refusals/thinking.ts";
import { toolRefusals } from "./refusals/tools.ts";

let bedrock: LocalBedrock;
const clients = new Map<string, BedrockRuntimeClient>();

beforeAll(async () => {
  bedrock = await startBedrock({ respond: () => "ok", now: EARLY });
});

afterAll(async () => {
  for (const client of clients.values()) client.destroy();
  await bedrock.close();
});

/** The Region of a request is the one that it is signed for. */
function clientIn(region = "us-east-1"): BedrockRuntimeClient {
  const client = clients.get(region) ?? clientOf(bedrock, { region });
  clients.set(region, client);
  return client;
}

/** How the service answers: with an error, or with nothing when it takes the request. */
const OPERATIONS = {
  Converse: (client: BedrockRuntimeClient, input: Input) =>
    converse(client, inputOf(input)).then(
      () => undefined,
      (error: unknown) => error,
    ),
  ConverseStream: async (client: BedrockRuntimeClient, input: Input) =>
    (await collect(client, inputOf(input))).error,
};

const STATUS = { ValidationException: 400, AccessDeniedException: 403 };

/** Each refusal with its neighbour, by both operations. */
function holds(rows: readonly Refusal[]): void {
  test.each(rows.map((row) => [row.what, row] as const))(
    "%s",
    async (_what, row) => {
      const { refused, taken, text, region, streams = true } = row;
      const { error: name = "ValidationException" } = row;
      const client = clientIn(region);
      for (const [operation, send] of Object.entries(OPERATIONS)) {
        if (operation === "ConverseStream" && !streams) continue;
        const error = await send(client, refused);
        expect(error).toMatchObject({
          name,
          message: text,
          $metadata: { httpStatusCode: STATUS[name] },
        });
        expect(await send(client, taken)).toBeUndefined();
      }
    },
  );
}

describe("Room:", () => holds(context));
describe("Settings:", () => holds(settings));
describe("While Claude thinks:", () => holds(thinking));
describe("The system prompt:", () => holds(systemPrompts));
describe("The conversation:", () => holds(messages));
describe("Blocks:", () => holds(blocks));
describe("Files:", () => holds(files));
describe("Cache points:", () => holds(cachePoints));
describe("Tools:", () => holds(toolRefusals));
describe("The schema of an answer:", () => holds(schemas));
describe("Not taken as a model's id is", () => holds(profiles));

describe("Ids of models", () => {
  const BARE = "anthropic.claude-haiku-4-5-20251001-v1:0";

  test("are bare where tokens are counted", async () => {
    const { inputTokens } = await clientIn().send(
      new CountTokensCommand({
        modelId: BARE,
        input: { converse: { messages: ask("Hello there").messages } },
      }),
    );
    expect(inputTokens).toBe(3);
  });

  test("are checked for native bodies, too", async () => {
    await expect(
      clientIn().send(
        new InvokeModelCommand({
          modelId: BARE,
          body: JSON.stringify({ max_tokens: 9, messages: [] }),
        }),
      ),
    ).rejects.toThrow("with on-demand throughput isn’t supported");
  });

  test("of a geography are taken from a caller whose Region is not known", async () => {
    const { status } = await post(bedrock, `eu.${BARE}`, "converse", ask("Hi"));
    expect(status).toBe(200);
  });

  test("of one's own are what they were registered as", async () => {
    registerModel("acme.of-our-own", { baseModel: `us.${BARE}` });
    expect(
      await OPERATIONS.Converse(clientIn(), { modelId: "acme.of-our-own" }),
    ).toBeUndefined();
  });

  test("that nobody knows may have any prefix, in any Region", async () => {
    expect(
      await OPERATIONS.Converse(clientIn("sa-east-1"), {
        modelId: "eu.acme.model-x",
      }),
    ).toBeUndefined();
  });
});

describe("A native body of Claude", () => {
  const MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
  const invoke = (body: object) =>
    clientIn()
      .send(
        new InvokeModelCommand({
          modelId: MODEL,
          body: JSON.stringify({
            anthropic_version: "bedrock-2023-05-31",
            max_tokens: 4_000,
            ...body,
          }),
        }),
      )
      .then(
        () => undefined,
        (error: unknown) => error,
      );
  const hi = { role: "user", content: "Hi" };

  test("joins turns of one role", async () => {
    expect(
      await invoke({
        messages: [hi, hi, { role: "assistant", content: "Hello" }, hi],
      }),
    ).toBeUndefined();
  });

  test("does not have Converse's rules for documents, descriptions and empty results", async () => {
    const source = { type: "text", media_type: "text/plain", data: "x" };
    const document = { type: "document", title: "a.txt", source };
    expect(
      await invoke({
        tools: [
          { name: "find", description: "", input_schema: { type: "object" } },
        ],
        messages: [
          { role: "user", content: [document, document] },
          {
            role: "assistant",
            content: [{ type: "tool_use", id: "t", name: "find", input: {} }],
          },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: "t", content: "" }],
          },
        ],
      }),
    ).toBeUndefined();
  });

  test("has the rules of thinking", async () => {
    const thinking = { type: "enabled", budget_tokens: 2_000 };
    expect(await invoke({ messages: [hi], thinking })).toBeUndefined();
    expect(await invoke({ messages: [hi], thinking, top_k: 5 })).toMatchObject({
      message: expect.stringContaining("`top_k` must be unset"),
    });
  });

  test("has a message that is not empty", async () => {
    expect(
      await invoke({ messages: [{ role: "user", content: "" }] }),
    ).toMatchObject({
      message: expect.stringContaining(
        "The content field in the Message object at messages.0 is empty",
      ),
    });
  });
});

/** What the service says of the account, the clock, or things that are not played here. */
const SAID: readonly (readonly [ServiceErrorName, number, string])[] = [
  [
    "InvalidSignatureException",
    403,
    "Signature expired: 20261128T034735Z is now earlier than 20261128T035235Z (20261128T035735Z - 5 min.)",
  ],
  ["ThrottlingException", 429, "Too many tokens per day, please wait."],
  ["ServiceUnavailableException", 503, "Too many connections, please wait."],
  [
    "ResourceNotFoundException",
    404,
    "use case details have not been submitted",
  ],
  ...[context, messages, thinking, toolRefusals, cachePoints, blocks, schemas]
    .flat()
    .map(({ text, error }): readonly [ServiceErrorName, number, string] => {
      const name = error ?? "ValidationException";
      return [name, STATUS[name], text];
    }),
];

test("a fault can say each of these sentences, and those of account and clock, to a request that is good", async () => {
  const client = clientIn();
  for (const [error, status, message] of SAID)
    for (const send of Object.values(OPERATIONS)) {
      bedrock.setFaults([{ error, status, message }]);
      expect(await send(client, {})).toMatchObject({
        name: error,
        message,
        $metadata: { httpStatusCode: status },
      });
    }
});
