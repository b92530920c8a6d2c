import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

/** What the command was asked to do. */
export interface CommandOptions {
  /** Absolute. */
  readonly file: string;
  readonly handlerName: string;
  readonly port: number;
  readonly bedrockPort: number;
  readonly timeoutMs: number;
  readonly upstream: string | undefined;
  readonly upstreamModel: string | undefined;
  readonly upstreamApiKey: string | undefined;
  readonly quotaTokensPerMinute: number | undefined;
  readonly envFile: string | undefined;
}

/** A command line that cannot be followed; the message says why. */
export class UsageError extends Error {}

export const HELP = `Usage: lambdallm-local HANDLER_FILE [options]

Runs a Lambda handler behind a local Function URL, with a local Amazon Bedrock
for its model calls. Starts again when the file or anything it imports changes.

Options:
  --port PORT             port of the Function URL (default 3000; 0 takes a free one)
  --bedrock-port PORT     port of the local Bedrock (default: a free one)
  --handler NAME          the exported handler (default "handler")
  --timeout SECONDS       the function's timeout, at most 900 (default 30)
  --upstream URL          ask a model behind an API like OpenAI's for the answers,
                          such as http://127.0.0.1:11434/v1; UPSTREAM_API_KEY is its key
  --upstream-model NAME   the model's name there (default: the Bedrock model id)
  --quota-tokens-per-minute N
                          refuse model calls that do not fit into this quota
  --env-file FILE         environment variables for the function
  --help                  this text
  --version               the version
`;

/** Reads a command line; "help" and "version" ask for just that. */
export function commandOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): CommandOptions | "help" | "version" {
  const { values, positionals } = parsed(argv);
  if (values.help === true) return "help";
  if (values.version === true) return "version";
  const [given, ...others] = positionals;
  if (given === undefined)
    throw new UsageError("Which handler file? Give its path.");
  if (others.length > 0)
    throw new UsageError(
      `One handler file at a time: ${others.join(" ")} is too much.`,
    );
  return {
    file: fileOf(given, "The handler file"),
    handlerName: values.handler ?? "handler",
    port: portOf("--port", values.port ?? "3000"),
    bedrockPort: portOf("--bedrock-port", values["bedrock-port"] ?? "0"),
    timeoutMs: timeoutOf(values.timeout ?? "30"),
    upstream: urlOf(values.upstream),
    upstreamModel: values["upstream-model"],
    upstreamApiKey: env["UPSTREAM_API_KEY"],
    quotaTokensPerMinute: quotaOf(values["quota-tokens-per-minute"]),
    envFile:
      values["env-file"] === undefined
        ? undefined
        : fileOf(values["env-file"], "The file of --env-file"),
  };
}

function parsed(argv: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        port: text,
        "bedrock-port": text,
        handler: text,
        timeout: text,
        upstream: text,
        "upstream-model": text,
        "quota-tokens-per-minute": text,
        "env-file": text,
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "v" },
      },
    });
  } catch (error) {
    // Node's messages name the option: unknown, or without its value. Nobody wants files that begin with a dash.
    const { message } = error as Error;
    throw new UsageError(message.replace(/ To specify a positional .*$/s, ""));
  }
}

function fileOf(given: string, what: string): string {
  const file = resolve(given);
  if (!existsSync(file))
    throw new UsageError(`${what} does not exist: ${file}`);
  if (!statSync(file).isFile())
    throw new UsageError(`${what} is not a file: ${file}`);
  return file;
}

function portOf(option: string, given: string): number {
  const port = numberOf(given);
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw new UsageError(
      `${option} must be a whole number from 0 to 65535, not "${given}".`,
    );
  return port;
}

function timeoutOf(given: string): number {
  const seconds = numberOf(given);
  if (!(seconds > 0 && seconds <= 900))
    throw new UsageError(
      `--timeout must be a number of seconds above 0 and at most 900, not "${given}".`,
    );
  return Math.max(1, Math.round(seconds * 1000));
}

function quotaOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const tokens = numberOf(given);
  if (!(Number.isSafeInteger(tokens) && tokens > 0))
    throw new UsageError(
      `--quota-tokens-per-minute must be a positive whole number, not "${given}".`,
    );
  return tokens;
}

function numberOf(given: string): number {
  return given.trim() === "" ? Number.NaN : Number(given);
}

function urlOf(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol))
    throw new UsageError(
      `--upstream must be a URL such as http://127.0.0.1:11434/v1, not "${given}".`,
    );
  return given;
}
