import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { derivedRunId } from "@lambdallm/checkpoint";
import {
  type BedrockRequest,
  type LocalBedrock,
  type ReplyObject,
  startBedrock,
} from "@lambdallm/local";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { seeded } from "../../../test-support/dynamodb-client.ts";
import { kills } from "../../../test-support/kills.ts";
import { startWorker, type Worker } from "../../../test-support/worker.ts";
import { CALLS } from "./fixtures/traced-program.ts";

const ROUNDS = kills(2);
/** Longer than every lease. */
const LATER_MS = 600_000;
/** What comes between an answer and the next request takes at most, more or less. */
const BETWEEN_MS = 25;
const USAGE = { inputTokens: 100, outputTokens: 20 };
const PROGRAM = new URL("fixtures/traced-worker.ts", import.meta.url);

let folder: string;
let local: LocalBedrock;
let table: TestTable;
let respond: (request: BedrockRequest) => Promise<ReplyObject>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lambdallm-spans-"));
  [local, table] = await Promise.all([
    startBedrock({
      now: () => Date.UTC(2026, 10, 28),
      respond: (request) => respond(request),
    }),
    startTable(),
  ]);
});
afterAll(async () => {
  await Promise.all([local.close(), table.stop()]);
  await rm(folder, { recursive: true });
});

interface SpanLine {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What the models say: the boss calls a tool, then the reader, which calls a tool itself. */
function replyTo({ system, messages }: BedrockRequest): ReplyObject {
  const said = JSON.stringify(system ?? messages);
  const turn = messages.filter(({ role }) => role === "assistant").length;
  const look = { name: "look", input: { page: 1 } };
  const calls = said.includes("call boss")
    ? [look, { name: "reader", input: { query: "Page 1?" } }]
    : [look];
  const call = /call (boss|reader)/.test(said) ? calls[turn] : undefined;
  return {
    content: [
      { text: `Answer ${turn}.` },
      ...(call ? [{ toolUse: { toolUseId: `t-${turn}`, ...call } }] : []),
    ],
    usage: USAGE,
  };
}

/** A run in as many processes as it takes. A process is killed while it waits for an answer, or at some time after one. */
class Run {
  /** Calls whose answers have come back. */
  paid = 0;
  /** Those that a process was killed in: nobody got their answers. */
  cutOff = 0;
  deaths = 0;
  readonly #file: string;
  readonly #moments: Map<number, "during" | number>;
  #requests = 0;

  constructor(file: string, moments: Map<number, "during" | number>) {
    this.#file = file;
    this.#moments = moments;
  }

  async complete(messageId: string): Promise<unknown> {
    await writeFile(this.#file, "");
    for (let delivery = 0; ; delivery++) {
      const worker = startWorker(
        PROGRAM,
        { messageId },
        {
          ...table.env,
          AWS_ENDPOINT_URL_BEDROCK_RUNTIME: local.url,
          SPANS_FILE: this.#file,
          SHIFT_MS: String(delivery * LATER_MS),
        },
      );
      this.#dying = false;
      respond = (request) => this.#answer(request, worker);
      const answer = await worker.answer;
      if (answer !== undefined) return answer;
      this.deaths += 1;
    }
  }

  /** Once a process is to be killed, it gets no more answers: which ones it has got is certain. */
  #dying = false;

  async #answer(request: BedrockRequest, worker: Worker): Promise<ReplyObject> {
    this.#requests += 1;
    const moment = this.#moments.get(this.#requests);
    if (this.#dying || moment === "during") {
      this.cutOff += 1;
      if (!this.#dying) void this.#kill(worker, 0);
      await worker.answer;
      return replyTo(request);
    }
    this.paid += 1;
    if (moment !== undefined) void this.#kill(worker, moment);
    return replyTo(request);
  }

  async #kill(worker: Worker, waitMs: number): Promise<void> {
    this.#dying = true;
    // Of all answers until now the spans are written.
    while ((await this.chats()).length < this.paid) await delay(1);
    await delay(waitMs);
    worker.kill();
  }

  async spans(): Promise<readonly SpanLine[]> {
    const text = await readFile(this.#file, "utf8");
    // A line that is being written is none yet.
    return text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  async chats(): Promise<readonly SpanLine[]> {
    const spans = await this.spans();
    return spans.filter(({ name }) => name.startsWith("chat "));
  }
}

test("A run that is killed at any moment has one trace, a span for each answer that was paid for, and none for what is replayed", async () => {
  const random = seeded(20_261_128);
  const traces = new Set<string>();
  let deaths = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    // The first one is left alone.
    const moments = Array.from(
      { length: round === 0 ? 0 : 1 + Math.floor(random() * 3) },
      () =>
        [
          1 + Math.floor(random() * CALLS),
          random() < 0.4 ? ("during" as const) : random() * BETWEEN_MS,
        ] as const,
    );
    const run = new Run(join(folder, `spans-${round}`), new Map(moments));
    expect(await run.complete(`message-${round}`)).toBe("Answer 2.");
    const spans = await run.spans();
    const chats = await run.chats();
    const sum = (name: string) =>
      chats.reduce(
        (total, { attributes }) => total + Number(attributes[name]),
        0,
      );
    expect([round, chats.length]).toEqual([round, run.paid]);
    expect(sum("gen_ai.usage.input_tokens")).toBe(run.paid * USAGE.inputTokens);
    expect(sum("gen_ai.usage.output_tokens")).toBe(
      run.paid * USAGE.outputTokens,
    );
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    for (const { attributes } of chats)
      expect(attributes["lambdallm.run.id"]).toBe(
        derivedRunId(`message-${round}`),
      );
    traces.add(String(spans[0]?.traceId));
    deaths += run.deaths;
    if (round === 0) expect([run.paid, run.deaths]).toEqual([CALLS, 0]);
  }
  expect(traces.size).toBe(ROUNDS + 1);
  expect(deaths).toBeGreaterThan(0);
}, 1_800_000);
