import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";

const FIXTURE = fileURLToPath(new URL("fixtures/aws-sdk.ts", import.meta.url));

interface Span {
  readonly name: string;
  readonly kind: string;
  readonly scope: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

let local: LocalBedrock;
beforeAll(async () => {
  local = await startBedrock({ now: () => Date.UTC(2026, 10, 22) });
});
afterAll(() => local.close());

/** Those of a function in a process of its own: what instruments modules cannot do so under Jest. */
async function spansOf(suppressSdkSpans: boolean): Promise<readonly Span[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@lambdallm/source", FIXTURE, String(suppressSdkSpans)],
    { env: { ...process.env, BEDROCK_URL: local.url } },
  );
  return JSON.parse(stdout);
}

const OURS = "@lambdallm/tracing";
const chats = (spans: readonly Span[]) =>
  spans.filter((span) => span.attributes["gen_ai.operation.name"] === "chat");

test("A call has one span beside the AWS SDK's instrumentation", async () => {
  const spans = await spansOf(true);
  expect(spans.map(({ scope }) => scope)).toEqual([OURS, OURS, OURS, OURS]);
  expect(chats(spans)).toHaveLength(2);
  const { hostname, port } = new URL(local.url);
  for (const { kind, attributes } of chats(spans)) {
    expect(kind).toBe("CLIENT");
    expect(attributes).toMatchObject({
      "gen_ai.provider.name": "aws.bedrock",
      "server.address": hostname,
      "server.port": Number(port),
      "gen_ai.response.id": expect.any(String),
    });
  }
});

test("A call has the instrumentation's spans too where they are asked for", async () => {
  const spans = await spansOf(false);
  expect(chats(spans)).toHaveLength(4);
  expect(
    spans.filter(({ scope }) => scope !== OURS).map(({ scope }) => scope),
  ).toEqual(Array(2).fill("@opentelemetry/instrumentation-aws-sdk"));
});
