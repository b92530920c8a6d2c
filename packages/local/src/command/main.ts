import { once } from "node:events";
import { readFileSync } from "node:fs";
import type http from "node:http";
import type { AddressInfo } from "node:net";
import type { LocalBedrock } from "../bedrock/local-bedrock.ts";
import { startBedrock } from "../bedrock/start-bedrock.ts";
import type { RecordedRequest } from "../bedrock/types.ts";
import { defined, parseJson, stringAt } from "../json.ts";
import {
  type CommandOptions,
  commandOptions,
  HELP,
  UsageError,
} from "./command-options.ts";
import { createFront } from "./front.ts";
import { functionEnvironment } from "./function-environment.ts";
import { FunctionHost } from "./function-host.ts";

/** What the command reads and writes. */
export interface CommandWorld {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Ends the command. */
  readonly signal: AbortSignal;
}

/** Runs the command until its signal; resolves with the exit code. */
export async function main(
  argv: readonly string[],
  world: CommandWorld,
): Promise<number> {
  try {
    const options = commandOptions(argv, world.env);
    if (options === "help") world.stdout(HELP);
    else if (options === "version") world.stdout(`${version()}\n`);
    else await run(options, world);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    world.stderr(
      `lambdallm-local: ${error.message}\nSee lambdallm-local --help.\n`,
    );
    return 1;
  }
}

function version(): string {
  const manifest = readFileSync(
    new URL("../../package.json", import.meta.url),
    "utf8",
  );
  return String(stringAt(parseJson(manifest), "version"));
}

async function run(
  options: CommandOptions,
  world: CommandWorld,
): Promise<void> {
  const bedrock = await bedrockOf(options, world);
  const host = new FunctionHost({
    ...options,
    stdout: world.stdout,
    stderr: world.stderr,
    environment: () => functionEnvironment(options, bedrock.url, world.env),
  });
  const front = createFront(host, {
    timeoutMs: options.timeoutMs,
    log: (line) => world.stdout(`${line}\n`),
  });
  try {
    await onPort("--port", options.port, () => listen(front, options.port));
    const { port } = front.address() as AddressInfo;
    world.stdout(
      `Function URL   http://127.0.0.1:${port}/\nLocal Bedrock  ${bedrock.url}\n`,
    );
    // The first request should find a warm function; what goes wrong is said on stderr by the function's process.
    host.port().catch(() => {});
    if (!world.signal.aborted) await once(world.signal, "abort");
  } finally {
    front.close();
    front.closeAllConnections();
    await host.close();
    await bedrock.close();
  }
}

function bedrockOf(
  options: CommandOptions,
  world: CommandWorld,
): Promise<LocalBedrock> {
  const { upstream, upstreamModel, upstreamApiKey } = options;
  const { quotaTokensPerMinute: tokensPerMinute } = options;
  return onPort("--bedrock-port", options.bedrockPort, () =>
    startBedrock({
      port: options.bedrockPort,
      ...defined({ upstream, upstreamModel, upstreamApiKey }),
      quota: defined({ tokensPerMinute }),
      faults: (request) => {
        void logModelCall(request, world);
        return undefined;
      },
    }),
  );
}

async function logModelCall(
  request: RecordedRequest,
  world: CommandWorld,
): Promise<void> {
  const startedAt = Date.now();
  const { byClient } = await request.closed;
  world.stdout(
    `  ${request.operation} ${request.modelId} ${Date.now() - startedAt} ms${byClient ? " (the client hung up)" : ""}\n`,
  );
}

async function onPort<T>(
  option: string,
  port: number,
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw new UsageError(
      `Port ${port} cannot be opened: ${(error as Error).message}. Choose another one with ${option}, or 0 for a free one.`,
    );
  }
}

async function listen(server: http.Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  // Rejects with the server's error.
  await once(server, "listening");
}
