import { ConfigurationError } from "@lambdallm/core";
import { check, reasonOf, validateOptions } from "@lambdallm/core/feature";
import {
  Client,
  SdkHttpError,
  StreamableHTTPClientTransport,
  type Tool,
  type Transport,
} from "@modelcontextprotocol/client";
import { descriptionOf, hashOf, namedTools, schemaOf } from "./mcp-list.ts";
import { mcpResult } from "./mcp-result.ts";
import type { AgentTool, NeedsApproval } from "./tool.ts";

type OwnHeaders = Readonly<Record<string, string>>;

/** Options of {@link mcpTools}: `url` or `transport` has to be given. */
export interface McpToolsOptions {
  /** Of a server that speaks Streamable HTTP. */
  readonly url?: string | URL | undefined;
  /** Makes a transport of `@modelcontextprotocol/client`, for each connection another one. */
  readonly transport?: (() => Transport) | undefined;
  /** Of each request to `url`, such as `authorization`; or a function, asked for each request. */
  readonly headers?:
    | OwnHeaders
    | (() => OwnHeaders | Promise<OwnHeaders>)
    | undefined;
  /** For requests to `url`. @default globalThis.fetch */
  readonly fetch?: typeof fetch | undefined;
  /** The names of those that are used, as the server has them. @default all */
  readonly include?: readonly string[] | undefined;
  /** In front of each name. @default "" */
  readonly prefix?: string | undefined;
  /** The {@link McpTools.hash} that somebody has looked at. @default none */
  readonly pinned?: string | undefined;
  /**
   * What happens when the tools are not those that were pinned: `tools()` throws, or each call needs an approval.
   *
   * @default "error"
   */
  readonly onChanged?: "error" | "approve" | undefined;
  /** Whether calls need an approval anyway; a function is told the tool's name here and the input. @default false */
  readonly needsApproval?:
    | boolean
    | ((name: string, input: unknown) => boolean | Promise<boolean>)
    | undefined;
  /** Of a call, of a connection and of the list, in milliseconds. @default 60_000 */
  readonly timeoutMs?: number | undefined;
  /** How long the list is kept, in milliseconds. @default 300_000 */
  readonly cacheMs?: number | undefined;
}

/** The tools of an MCP server. */
export interface McpTools extends AsyncDisposable {
  /**
   * For an agent. The server is asked once in `cacheMs`, whoever asks.
   *
   * @throws {ConfigurationError} They are not those that were pinned, or one to be included is missing.
   * @throws {Error} naming the server, which did not tell them.
   */
  tools(): Promise<readonly AgentTool[]>;
  /** The sha256 of the names, descriptions and schemas that {@link McpTools.tools} has, for `pinned`. */
  hash(): Promise<string>;
  /** Ends the connection; the next use opens another one. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_CACHE_MS = 300_000;

const either =
  (expected: string, ...types: readonly string[]) =>
  (value: unknown) =>
    types.includes(typeof value) ? undefined : expected;

const checks = {
  url: (value: unknown) => (URL.canParse(String(value)) ? undefined : "a URL"),
  transport: check.function,
  headers: either("an object or a function", "object", "function"),
  fetch: check.function,
  include: check.texts,
  prefix: check.matching(
    /^[a-zA-Z0-9_-]{0,32}$/,
    "up to 32 letters, digits, _ and -",
  ),
  pinned: check.text,
  onChanged: check.oneOf("error", "approve"),
  needsApproval: either("true, false or a function", "boolean", "function"),
  timeoutMs: check.positiveInteger,
  cacheMs: check.wholeNumber,
};

/**
 * The tools of an MCP server, for agents: of one that is stateless (2026-07-28) or older. Nothing is sent before the first use;
 * made outside of the handler, connection and list are kept between invocations.
 *
 * @throws {ConfigurationError} naming the option that does not exist, is missing or has a wrong value.
 * @example
 * const docs = mcpTools({ url: "https://docs.example.com/mcp", prefix: "docs_" });
 *
 * const handler = middy()
 *   .use(bedrock())
 *   .handler(async ({ question }, context) => {
 *     const agent = new Agent({ name: "helper", tools: await docs.tools() });
 *     return agent.run(question, context);
 *   });
 */
export function mcpTools(options: McpToolsOptions): McpTools {
  validateOptions("mcpTools", checks, options);
  if ((options.url === undefined) === (options.transport === undefined))
    throw new ConfigurationError(
      "mcpTools: give `url` or `transport`, one of them.",
    );
  return new Server(options);
}

/** Older servers know a session, and have forgotten it when a function was frozen for long. */
function isForgotten(error: unknown): boolean {
  return error instanceof SdkHttpError && error.status === 404;
}

/** So fetch says that a connection has died, as those of a function do while it is frozen. */
function isOfNetwork(error: unknown): boolean {
  return error instanceof TypeError;
}

interface Listed {
  readonly tools: readonly AgentTool[];
  readonly hash: string;
}

class Server implements McpTools {
  readonly #options: McpToolsOptions;
  readonly #timeoutMs: number;
  #client: Promise<Client> | undefined;
  #listed: Promise<Listed> | undefined;
  #freshUntil = 0;

  constructor(options: McpToolsOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  async tools(): Promise<readonly AgentTool[]> {
    const { tools, hash } = await this.#list();
    const { pinned = hash, onChanged } = this.#options;
    if (hash === pinned) return tools;
    if (onChanged === "approve")
      return tools.map((tool) => ({ ...tool, needsApproval: true }));
    throw new ConfigurationError(
      `mcpTools: the tools of ${this.#host()} are not those that were pinned. Look at them, and pin their hash, ${hash}.`,
    );
  }

  async hash(): Promise<string> {
    return (await this.#list()).hash;
  }

  async close(): Promise<void> {
    const connecting = this.#client;
    this.#client = undefined;
    // A connection that failed has been told of to whoever wanted it.
    const client = await connecting?.catch(() => undefined);
    await client?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #list(): Promise<Listed> {
    if (this.#listed !== undefined && Date.now() < this.#freshUntil)
      return this.#listed;
    const listed = this.#ask();
    this.#listed = listed;
    this.#freshUntil = Date.now() + (this.#options.cacheMs ?? DEFAULT_CACHE_MS);
    listed.catch(() => {
      this.#freshUntil = 0;
    });
    return listed;
  }

  async #ask(): Promise<Listed> {
    const { include, prefix = "" } = this.#options;
    const options = { cacheMode: "refresh", ...this.#limit() } as const;
    const { tools } = await this.#connected(
      (client) => client.listTools(undefined, options),
      // A list can be asked for twice.
      (error) => isForgotten(error) || isOfNetwork(error),
    ).catch((cause) => {
      throw new Error(
        `mcpTools: the tools of ${this.#host()} could not be listed: ${reasonOf(cause)}`,
        { cause },
      );
    });
    const named = namedTools(tools, include, prefix);
    return {
      tools: await Promise.all(
        named.map(({ name, tool }) => this.#agentTool(name, tool)),
      ),
      hash: hashOf(named),
    };
  }

  async #agentTool(name: string, tool: Tool): Promise<AgentTool> {
    // It would be compiled for each call, to refuse what the model may well read.
    const { outputSchema: _, ...toolDefinition } = tool;
    return {
      name,
      description: descriptionOf(tool),
      schema: await schemaOf(tool),
      needsApproval: this.#needsApproval(name),
      work: {
        kind: "function",
        timeoutMs: this.#timeoutMs,
        run: async (input, { signal }) => {
          const call = { name: tool.name, arguments: { ...Object(input) } };
          const options = { toolDefinition, signal, ...this.#limit() };
          return mcpResult(
            await this.#connected(
              (client) => client.callTool(call, options),
              isForgotten,
            ),
          );
        },
      },
    };
  }

  #needsApproval(name: string): NeedsApproval<unknown> {
    const { needsApproval = false } = this.#options;
    return typeof needsApproval === "function"
      ? (input) => needsApproval(name, input)
      : needsApproval;
  }

  /** A path or a query may be secret. */
  #host(): string {
    const { url } = this.#options;
    return url === undefined ? "the server" : new URL(url).host;
  }

  #limit() {
    return { timeout: this.#timeoutMs, maxTotalTimeout: this.#timeoutMs };
  }

  /** Uses another connection where this one is of no use any more, and nothing was done on it. */
  async #connected<Result>(
    use: (client: Client) => Promise<Result>,
    isUseless: (error: unknown) => boolean,
  ): Promise<Result> {
    const client = await this.#connection();
    try {
      return await use(client);
    } catch (error) {
      if (!isUseless(error)) throw error;
      await client.close();
      return use(await this.#connection());
    }
  }

  #connection(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new Client(
      { name: "lambdallm", version: "1" },
      { versionNegotiation: { mode: "auto" } },
    );
    const connecting = this.#connect(client);
    const forget = () => {
      if (this.#client === connecting) this.#client = undefined;
    };
    client.onclose = forget;
    connecting.catch(forget);
    this.#client = connecting;
    return connecting;
  }

  async #connect(client: Client): Promise<Client> {
    try {
      await client.connect(this.#transport(), this.#limit());
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  #transport(): Transport {
    const { url = "", transport, headers = {}, ...options } = this.#options;
    if (transport !== undefined) return transport();
    return new StreamableHTTPClientTransport(new URL(url), {
      fetch: async (input, init) => {
        const given = typeof headers === "function" ? await headers() : headers;
        const all = new Headers(given);
        // Those of the protocol win.
        for (const [name, value] of new Headers(init?.headers))
          all.set(name, value);
        const send = options.fetch ?? fetch;
        return send(input, { ...init, headers: all });
      },
    });
  }
}
