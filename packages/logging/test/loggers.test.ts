import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { run } from "./support.ts";

const INVOKED = fileURLToPath(new URL("fixtures/invoked.ts", import.meta.url));

/** The lines that a function writes with a logger, in a process of its own: to its output, and then to its errors. */
async function written(
  logger: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@lambdallm/source", INVOKED, logger],
    { env: { ...process.env, ...env } },
  );
  return (stdout + stderr).trim().split("\n");
}

const json = (lines: readonly string[]): Record<string, unknown>[] =>
  lines.map((line) => JSON.parse(line));

const call = { callId: 1, model: expect.any(String), inputTokens: 2 };
const ends = [
  { event: "call-end", message: "model call end", ...call },
  { event: "attempt-error", message: "model attempt error", callId: 2 },
  { event: "call-error", message: "model call error", callId: 2 },
  { event: "invocation-end", message: "invocation end", calls: 2 },
];
const levels = ["INFO", "WARN", "ERROR", "INFO"];
const requestId = "lambda-1";

describe("What is written", () => {
  test.each(["default", "console"])(
    "to the console in Lambda's JSON format is an object in its message: %s",
    async (logger) => {
      const env = { AWS_LAMBDA_LOG_FORMAT: "JSON" };
      expect(json(await written(logger, env))).toMatchObject(
        ends.map((message, index) => ({
          ...{ timestamp: expect.any(String), level: levels[index] },
          ...{ requestId, message: { ...message, requestId } },
        })),
      );
    },
  );

  test("has what Lambda's log level lets through", async () => {
    const env = { AWS_LAMBDA_LOG_FORMAT: "JSON" };
    const debug = { ...env, AWS_LAMBDA_LOG_LEVEL: "DEBUG" };
    expect(json(await written("default", debug))[0]).toMatchObject({
      ...{ level: "DEBUG", message: { event: "attempt-end" } },
    });
    const error = { ...env, AWS_LAMBDA_LOG_LEVEL: "ERROR" };
    expect(json(await written("default", error))).toMatchObject([
      { level: "ERROR", message: { event: "call-error" } },
    ]);
  });

  test("to the console in Lambda's text format is JSON on the rest of its line", async () => {
    const lines = await written("default", { AWS_LAMBDA_LOG_FORMAT: "Text" });
    const parts = lines.map((line) => line.split("\t"));
    expect(parts.map(([, id, level]) => [id, level])).toEqual(
      levels.map((level) => [requestId, level]),
    );
    expect(json(parts.map(([, , , text = ""]) => text))).toMatchObject(
      ends.map((end, index) => ({ level: levels[index], requestId, ...end })),
    );
  });

  test("with Powertools Logger has its keys beside ours", async () => {
    const lines = ends.map((end, index) => ({
      ...{ level: levels[index], service: "summaries", requestId },
      ...{ timestamp: expect.any(String), ...end },
    }));
    // It writes warnings and errors to the other stream.
    const [first, second, third, last] = lines;
    expect(json(await written("powertools"))).toMatchObject([
      ...[first, last, second, third],
    ]);
  });

  test("with pino has its keys beside ours", async () => {
    const lines = json(await written("pino"));
    expect(lines).toMatchObject([
      { level: 20, event: "attempt-end" },
      ...ends.map((end, index) => ({
        ...{ level: [30, 40, 50, 30][index], time: expect.any(Number) },
        ...{ requestId, ...end },
      })),
    ]);
  });
});

describe("The console", () => {
  const format = process.env["AWS_LAMBDA_LOG_FORMAT"];

  afterEach(() => {
    jest.restoreAllMocks();
    if (format === undefined) delete process.env["AWS_LAMBDA_LOG_FORMAT"];
    else process.env["AWS_LAMBDA_LOG_FORMAT"] = format;
  });

  test("gets what fits the format at each use", async () => {
    const info = jest.spyOn(console, "info").mockReturnValue();
    const debug = jest.spyOn(console, "debug").mockReturnValue();
    const warn = jest.spyOn(console, "warn").mockReturnValue();
    const error = jest.spyOn(console, "error").mockReturnValue();
    const hello = async ({ invoke }: { invoke(text: string): unknown }) =>
      invoke("Hello");
    process.env["AWS_LAMBDA_LOG_FORMAT"] = "Text";
    await run(hello);
    expect(info).toHaveBeenLastCalledWith(
      expect.stringMatching(
        /^\{"level":"INFO","message":"invocation end",.*\}$/,
      ),
    );
    expect(debug).not.toHaveBeenCalled();
    process.env["AWS_LAMBDA_LOG_FORMAT"] = "JSON";
    await run(hello);
    expect(info).toHaveBeenLastCalledWith(
      expect.objectContaining({ event: "invocation-end" }),
    );
    expect(debug).toHaveBeenCalledTimes(1);
    const levels = { "call-end": "warn", "invocation-end": "error" } as const;
    await run(hello, { options: { levels } });
    expect(warn).toHaveBeenCalledTimes(1);
    expect(error).toHaveBeenCalledTimes(1);
  });
});
