import { fork } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, test } from "@jest/globals";

const MARK = "5ECRET";

type Message =
  | { readonly token: string }
  | { readonly name: string; readonly failed: boolean };

/** What the program has printed, and how each of its scenarios has ended. */
async function run() {
  const child = fork(
    new URL("fixtures/marked-secrets.ts", import.meta.url),
    [],
    {
      execArgv: [
        "--conditions=@lambdallm/source",
        "--disable-warning=ExperimentalWarning",
      ],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    },
  );
  const secrets = [MARK];
  const ended: Record<string, boolean> = {};
  // As the program sends them.
  child.on("message", (message: Message) => {
    if ("token" in message) secrets.push(message.token);
    else ended[message.name] = message.failed;
  });
  const textOf = async (stream: Readable | null) =>
    stream === null ? "" : text(stream);
  const [out, err] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, "close"),
  ]);
  return { out, err, ended, secrets };
}

describe("With default options", () => {
  let all: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    all = await run();
  });

  test("nothing of prompts, answers, tools, sessions, errors and credentials is in spans, logs, metrics and warnings", () => {
    const marked = `${all.out}\n${all.err}`
      .split("\n")
      .filter((line) => all.secrets.some((secret) => line.includes(secret)));
    expect(marked).toEqual([]);
    expect(all.secrets).toHaveLength(3);
  });

  test("everything that was to happen has happened, and is recorded", () => {
    const endedAs = (failed: boolean) =>
      Object.keys(all.ended)
        .filter((name) => all.ended[name] === failed)
        .sort();
    expect(endedAs(false)).toEqual([
      "a chain",
      "a conversation",
      "a named prompt",
      "a run that waits",
      "a stream that is left",
      "a streamed body that fails",
      "an agent",
      "an agent of a session",
      "an agent that waits",
      "invoke",
      "stream",
      "structured",
      "tools and messages",
    ]);
    expect(endedAs(true)).toEqual([
      "AccessDeniedException",
      "ModelErrorException",
      "ResourceNotFoundException",
      "ServiceUnavailableException",
      "ThrottlingException",
      "ValidationException",
      "a budget that is used up",
      "a guardrail",
      "a handler that fails",
      "a missing variable",
      "a run that is not there",
      "a stream that breaks off",
      "an observer of the caller that fails",
      "structured, invalid",
      "the time is over",
    ]);
    const records = all.out
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line): object => JSON.parse(line));
    const count = (isOne: (record: object) => boolean) =>
      records.filter(isOne).length;
    expect(count((record) => "span" in record)).toBeGreaterThan(50);
    expect(count((record) => "_aws" in record)).toBeGreaterThan(20);
    expect(count((record) => "message" in record)).toBeGreaterThan(50);
  });
});
