import type { IncomingMessage, ServerResponse } from "node:http";
import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { validateMembers, wholeNumberFrom } from "../checks.ts";
import { parseJson } from "../json.ts";
import { originOf } from "../origin.ts";
import { defaultResponder } from "../responder/responder.ts";
import { upstreamBackend } from "../upstream/upstream-backend.ts";
import { responderBackend } from "./backend.ts";
import { Exchange } from "./exchange.ts";
import { type Fault, FaultScript, type Faults, faultsCheck } from "./fault.ts";
import { Listener } from "./listener.ts";
import type { LocalBedrock, StartBedrockOptions } from "./local-bedrock.ts";
import { Meter } from "./meter.ts";
import { checkQuota } from "./quota.ts";
import { routeOf } from "./route.ts";
import { serve } from "./serve.ts";
import type { RecordedRequest } from "./types.ts";

const checks: Readonly<Record<keyof StartBedrockOptions, OptionCheck>> = {
  port: wholeNumberFrom(0, 65_535),
  host: check.text,
  respond: check.function,
  faults: faultsCheck,
  upstream: check.text,
  upstreamModel: check.text,
  upstreamApiKey: check.string,
  tls: check.object,
  quota: check.object,
  now: check.function,
};

/**
 * Starts a Bedrock runtime on this machine. It speaks Converse, ConverseStream, InvokeModel and CountTokens as the
 * service does, over HTTP/1.1 and HTTP/2, refuses what the service would refuse, and fails on demand.
 *
 * @throws {ConfigurationError} naming the option, or the member of a fault, that does not exist or has a wrong value.
 * @example
 * ```ts
 * import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";
 * import { startBedrock } from "@lambdallm/local";
 *
 * await using bedrock = await startBedrock({ faults: [{ error: "ThrottlingException" }] });
 * const client = new BedrockRuntimeClient({ region: "us-east-1", endpoint: bedrock.url });
 * await client.send(
 *   new ConverseCommand({
 *     modelId: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
 *     messages: [{ role: "user", content: [{ text: "Hello" }] }],
 *   }),
 * );
 * console.log(bedrock.requests.length); // 2: the client retried the throttled one
 * ```
 */
export async function startBedrock(
  options: StartBedrockOptions = {},
): Promise<LocalBedrock> {
  validateOptions("startBedrock", checks, options);
  if (options.tls !== undefined)
    validateMembers(
      "startBedrock tls",
      { key: check.text, cert: check.text },
      options.tls,
      ["key", "cert"],
    );
  checkQuota(options.quota);
  const server = new BedrockServer(options);
  await server.listen();
  return server;
}

class BedrockServer implements LocalBedrock {
  port = 0;
  readonly requests: RecordedRequest[] = [];
  readonly #listener: Listener;
  readonly #meter: Meter;
  readonly #now: () => number;
  readonly #options: StartBedrockOptions;
  readonly #open = new Set<Exchange>();
  #faults: FaultScript;

  constructor(options: StartBedrockOptions) {
    this.#options = options;
    this.#faults = new FaultScript(options.faults);
    // Read at each use: tests set the date after the server is started.
    this.#now = options.now ?? (() => Date.now());
    const backend =
      options.upstream === undefined
        ? responderBackend(options.respond ?? defaultResponder)
        : upstreamBackend({
            url: options.upstream,
            model: options.upstreamModel,
            apiKey: options.upstreamApiKey,
          });
    this.#meter = new Meter(backend, {
      quota: options.quota ?? {},
      now: this.#now,
    });
    this.#listener = new Listener(
      (request, response) => void this.#handle(request, response),
      {
        port: options.port ?? 0,
        host: options.host ?? "127.0.0.1",
        tls: options.tls,
      },
    );
  }

  get url(): string {
    const scheme = this.#options.tls === undefined ? "http" : "https";
    return originOf(scheme, this.#options.host ?? "127.0.0.1", this.port);
  }

  get connections(): number {
    return this.#listener.connections;
  }

  async listen(): Promise<void> {
    this.port = await this.#listener.listen();
  }

  setFaults(faults: Faults): void {
    this.#faults = new FaultScript(faults);
  }

  reset(): void {
    this.requests.length = 0;
    this.#faults = new FaultScript();
    this.#meter.reset();
    this.#listener.forgetConnections();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((exchange) => exchange.cut()));
    await this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #faultOf(recorded: RecordedRequest): Fault {
    try {
      return this.#faults.next(recorded);
    } catch (error) {
      return {
        // Unlike a failure of the service nobody retries it, and no fallback hides it.
        error: "ValidationException",
        message: `The faults function of the local Bedrock failed: ${error}`,
      };
    }
  }

  async #handle(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const id = this.#listener.connectionOf(request);
    const exchange = new Exchange(request, response, {
      id,
      destroy: () => this.#listener.destroyConnection(id),
    });
    this.#open.add(exchange);
    void exchange.closed.then(() => this.#open.delete(exchange));
    let body: Buffer | undefined;
    try {
      body = await exchange.readBody();
    } catch {
      // The client hung up in the middle of its request: nobody is left to answer.
      return;
    }
    const text = body?.toString("utf8") ?? "";
    const recorded = record(exchange, parseJson(text));
    this.requests.push(recorded);
    await serve({
      exchange,
      recorded,
      bodySize: body === undefined ? "too-large" : text.length,
      fault: recorded.operation === undefined ? {} : this.#faultOf(recorded),
      meter: this.#meter,
      now: this.#now,
    });
  }
}

function record(exchange: Exchange, body: unknown): RecordedRequest {
  const { headers, httpVersion } = exchange.request;
  // A request that a server has received has both.
  const method = String(exchange.request.method);
  const url = String(exchange.request.url);
  const route = routeOf(method, url);
  return {
    method,
    path: url,
    operation: route?.operation,
    modelId: route?.modelId,
    headers: Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => !name.startsWith(":"))
        .map(([name, value]) => [name, String(value)]),
    ),
    body,
    httpVersion,
    connectionId: exchange.connectionId,
    closed: exchange.closed,
    get closedByClient() {
      return exchange.closedByClient;
    },
    get eventsSent() {
      return exchange.eventsSent;
    },
  };
}
