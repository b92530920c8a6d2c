import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  afterAll,
  afterEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { compileValidator } from "@lambdallm/core/feature";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { fakeDate } from "../../../test-support/fake-date.ts";
import { Agent, type AgentTool } from "../src/index.ts";
import { type McpTools, type McpToolsOptions, mcpTools } from "../src/mcp.ts";
import { type McpTool, namedTools } from "../src/mcp-list.ts";
import { type McpResult, mcpResult } from "../src/mcp-result.ts";
import { resultBlocks } from "../src/result-blocks.ts";
import type { ToolRun } from "../src/tool.ts";
import { calling, resultsIn, withModel } from "./support.ts";

const SERVER = fileURLToPath(
  new URL("fixtures/mcp-server.ts", import.meta.url),
);

const open: AsyncDisposable[] = [];
const servers: ChildProcess[] = [];

afterEach(async () => {
  jest.useRealTimers();
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
  for (const server of servers.splice(0)) {
    server.kill("SIGKILL");
    await once(server, "close");
  }
});

/** The URL of a server in a process of its own. */
async function startServer(mode: "http" | "sessions"): Promise<string> {
  const server = spawn(process.execPath, [SERVER, mode], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  servers.push(server);
  const [port] = await once(createInterface(server.stdout), "line");
  return `http://127.0.0.1:${port}/mcp`;
}

function connect(options: McpToolsOptions): McpTools {
  const server = mcpTools(options);
  open.push(server);
  return server;
}

/** For the client's own it starts two processes, and leaves the timer that is to end the first. */
class OwnTransport extends StdioClientTransport {}

const stdio: McpToolsOptions = {
  transport: () =>
    new OwnTransport({
      command: process.execPath,
      args: [SERVER, "stdio"],
    }),
};

/** What a call of a tool comes to. */
async function called(
  tools: readonly AgentTool[],
  name: string,
  input: object = {},
  signal = new AbortController().signal,
) {
  const tool = tools.find((one) => one.name === name);
  if (tool?.work.kind !== "function") throw new Error(`no tool ${name}`);
  // The rest of a run is not its business.
  return resultBlocks(await tool.work.run(input, { signal } as ToolRun));
}

async function logOf(tools: readonly AgentTool[]) {
  const { content } = await called(tools, "log");
  const [part] = content;
  return JSON.stringify(part);
}

const KINDS = [
  [
    "a stateless server over HTTP",
    async () => ({ url: await startServer("http") }),
  ],
  [
    "an older server over HTTP",
    async () => ({ url: await startServer("sessions") }),
  ],
  ["a server over stdio", async () => stdio],
] as const satisfies readonly (readonly [
  string,
  () => Promise<McpToolsOptions>,
])[];

describe("With servers in processes of their own", () => {
  // The client's own, which are to end the processes, and have nothing to do.
  afterAll(() => setTimeout(2_100));

  describe.each(KINDS)("The tools of %s", (_kind, start) => {
    test("are called by an agent, and its results are told to the model", async () => {
      const server = connect(await start());
      const agent = new Agent({ name: "helper", tools: await server.tools() });
      const { result, model } = await withModel(
        [
          calling(
            ["weather", { city: "Rome" }],
            ["fails", {}],
            ["weather", {}],
          ),
          "It is warm in Rome.",
        ],
        (context) => agent.run("How is the weather?", context),
      );
      expect(result).toMatchObject({
        answer: "It is warm in Rome.",
        status: "completed",
      });
      expect(resultsIn(model, 2)).toMatchObject([
        {
          status: "success",
          content: [{ json: { city: "Rome", degrees: 21 } }],
        },
        { status: "error", content: [{ text: "No such city" }] },
        {
          status: "error",
          content: [{ text: expect.stringContaining("city") }],
        },
      ]);
    });

    test("give texts, images and resources", async () => {
      const tools = await connect(await start()).tools();
      const image = {
        image: { format: "png", source: { bytes: expect.anything() } },
      };
      expect(await called(tools, "files")).toEqual({
        status: "success",
        content: [
          { text: "Two files" },
          image,
          { text: "(audio of the type audio/wav)" },
          { text: "file:///a.txt\nMilk" },
          image,
          { text: "c\nfile:///c.txt" },
        ],
      });
      expect(await called(tools, "change")).toEqual({
        status: "success",
        content: [{ text: "(no output)" }],
      });
    });

    test("end when the call is aborted, here and there", async () => {
      const tools = await connect(await start()).tools();
      const controller = new AbortController();
      const call = called(tools, "slow", {}, controller.signal);
      while (!(await logOf(tools)).includes("slow"));
      controller.abort(new Error("enough"));
      await expect(call).rejects.toThrow("enough");
      while (!(await logOf(tools)).includes("aborted"));
    });

    test("end when they take too long", async () => {
      const server = connect({ ...(await start()), timeoutMs: 1_000 });
      // On a busy machine the connection itself can take longer, which is the same error.
      const call = async () => called(await server.tools(), "slow");
      await expect(call()).rejects.toThrow("timed out");
    });

    test("come back after the connection was closed", async () => {
      const server = connect(await start());
      const tools = await server.tools();
      await server.close();
      await server.close();
      expect(await called(tools, "report_weekly", { week: 7 })).toMatchObject({
        content: [{ text: 'report.weekly {"week":7}' }],
      });
    });
  });

  describe("The tools of a server", () => {
    test("have names that the service takes, in an order that is always the same", async () => {
      const { url } = await KINDS[0][1]();
      const tools = await connect({ url, prefix: "docs_" }).tools();
      const named = tools.map(({ name, description }) => [name, description]);
      const long = `long-${"x".repeat(80)}`;
      expect(named).toEqual([
        ["docs_broken_schema", "broken schema"],
        ...["change", "crash", "fails", "files", "forget", "log"].map(
          (name) => [`docs_${name}`, name],
        ),
        [`docs_${long}`.slice(0, 64), long],
        ["docs_report_weekly", "A report"],
        ["docs_report_weekly_2", "report/weekly"],
        ["docs_slow", "slow"],
        ["docs_weather", "The weather of a city"],
      ]);
      expect(await called(tools, "docs_report_weekly_2")).toMatchObject({
        content: [{ text: "report/weekly {}" }],
      });
    });

    test("may have a schema that cannot be used, and judge their input themselves", async () => {
      const tools = await connect(stdio).tools();
      const schemas = new Map(tools.map(({ name, schema }) => [name, schema]));
      const broken = schemas.get("broken_schema");
      const weather = schemas.get("weather");
      if (broken === undefined || weather === undefined) throw new Error();
      expect(broken.json).toEqual({
        type: "object",
        properties: { a: { type: "strnig" } },
      });
      expect(await (await compileValidator(broken))({ a: 1 })).toEqual({
        value: { a: 1 },
      });
      expect(await (await compileValidator(weather))({})).toHaveProperty(
        "issues",
      );
    });

    test("are those that were chosen", async () => {
      const url = await startServer("http");
      const chosen = connect({ url, include: ["weather", "log"] });
      expect((await chosen.tools()).map(({ name }) => name)).toEqual([
        "log",
        "weather",
      ]);
      const missing = connect({ url, include: ["weather", "whether"] });
      await expect(missing.tools()).rejects.toThrow(
        'mcpTools: the server has no tool "whether". Its tools: weather, report.weekly,',
      );
      // The server was asked again.
      await expect(missing.tools()).rejects.toThrow(ConfigurationError);
    });

    test("are asked for once in a while, whoever asks", async () => {
      const url = await startServer("http");
      const server = connect({ url, cacheMs: 60_000 });
      const listsIn = async () =>
        (await logOf(await server.tools())).split('"list"').length - 1;
      fakeDate(1_000);
      await Promise.all([server.tools(), server.tools(), server.hash()]);
      fakeDate(60_999);
      expect(await listsIn()).toBe(1);
      fakeDate(61_000);
      expect(await listsIn()).toBe(2);
    });

    test("have a hash by what the model is told of them", async () => {
      const url = await startServer("http");
      const server = connect({ url, include: ["weather"], cacheMs: 0 });
      const hash = await server.hash();
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
      const same = connect({ url, include: ["weather"], prefix: "my_" });
      expect(await same.hash()).toBe(hash);
      await called(await connect({ url }).tools(), "change");
      expect(await server.hash()).not.toBe(hash);
    });

    test("that have changed since they were pinned are an error, or need an approval", async () => {
      const url = await startServer("http");
      const include = ["change", "weather"];
      const pinned = await connect({ url, include }).hash();
      const strict = connect({ url, include, pinned, cacheMs: 0 });
      const asking = connect({
        url,
        include,
        pinned,
        onChanged: "approve",
        needsApproval: (name) => name === "weather",
        cacheMs: 0,
      });
      const approvals = async () => {
        const tools = await asking.tools();
        return tools.map(({ needsApproval }) =>
          typeof needsApproval === "function"
            ? needsApproval({})
            : needsApproval,
        );
      };
      expect(await approvals()).toEqual([false, true]);
      await called(await strict.tools(), "change");
      const hash = await strict.hash();
      await expect(strict.tools()).rejects.toThrow(
        `mcpTools: the tools of ${new URL(url).host} are not those that were pinned. Look at them, and pin their hash, ${hash}.`,
      );
      expect(await approvals()).toEqual([true, true]);
    });

    test("are called with the caller's headers, and those of the protocol win", async () => {
      const url = new URL(await startServer("http"));
      let count = 0;
      const counted = connect({
        url,
        headers: async () => ({
          authorization: `Bearer ${++count}`,
          "content-type": "text/plain",
        }),
      });
      expect(await logOf(await counted.tools())).toContain(`Bearer ${count}`);
      const sent: unknown[] = [];
      const plain = connect({
        url,
        headers: { authorization: "Bearer me" },
        fetch: async (input, init) => {
          sent.push(String(input));
          return fetch(input, init);
        },
      });
      expect(await logOf(await plain.tools())).toContain("Bearer me");
      expect(new Set(sent)).toEqual(new Set([url.href]));
    });

    test("are called in a new session where the server has forgotten the old one", async () => {
      const tools = await connect({
        url: await startServer("sessions"),
      }).tools();
      await called(tools, "forget");
      expect((await logOf(tools)).split('"session"')).toHaveLength(3);
    });

    test("fail alone when their process ends, and the next call starts another one", async () => {
      const tools = await connect(stdio).tools();
      await expect(called(tools, "crash")).rejects.toThrow();
      expect(await called(tools, "weather", { city: "Rome" })).toMatchObject({
        content: [{ json: { city: "Rome" } }],
      });
    });

    test("are listed although the connection has died while the function was frozen", async () => {
      const url = await startServer("http");
      let isDead = false;
      let sent = 0;
      const server = connect({
        url,
        cacheMs: 0,
        fetch: async (input, init) => {
          sent += 1;
          if (isDead) {
            isDead = false;
            throw new TypeError("fetch failed");
          }
          return fetch(input, init);
        },
      });
      const tools = await server.tools();
      isDead = true;
      expect(await server.tools()).toHaveLength(tools.length);
      // Whether the server has done it nobody knows.
      isDead = true;
      const before = sent;
      await expect(called(tools, "log")).rejects.toThrow("fetch failed");
      expect(sent).toBe(before + 1);
    });

    test("of a process that is not there are an error", async () => {
      const server = connect({
        transport: () => {
          throw new Error("no such command");
        },
      });
      await expect(server.tools()).rejects.toThrow(
        "mcpTools: the tools of the server could not be listed: no such command",
      );
    });

    test("of a server that is not there are an error, each time", async () => {
      const server = connect({ url: "http://127.0.0.1:9/mcp?key=secret" });
      await expect(server.tools()).rejects.toThrow(
        /^mcpTools: the tools of 127\.0\.0\.1:9 could not be listed: .*fetch failed/,
      );
      await expect(server.tools()).rejects.toThrow("could not be listed");
      const failing = expect(server.tools()).rejects.toThrow();
      await server.close();
      await failing;
    });
  });
});

describe("The result of a server", () => {
  test.each<[string, McpResult, readonly unknown[]]>([
    ["nothing", {}, [{ text: "(no output)" }]],
    [
      "texts that say something else than its structured content",
      {
        content: [
          { type: "text", text: "Warm" },
          { type: "text", text: '{"b":[2],"a":1}' },
          { type: "text", text: "1" },
        ],
        structuredContent: { a: 1, b: [2] },
      },
      [{ text: "Warm" }, { text: "1" }, { json: { a: 1, b: [2] } }],
    ],
    ["a list", { structuredContent: [1] }, [{ text: "[1]" }]],
    [
      "what nobody knows",
      { content: [{ type: "hologram", of: "Ada" }, { type: "resource" }] },
      [{ json: { type: "hologram", of: "Ada" } }],
    ],
  ])("can be %s", (_what, result, content) => {
    expect(resultBlocks(mcpResult(result))).toEqual({
      status: "success",
      content,
    });
  });

  test("can have no tools at all", () => {
    expect(() => namedTools([], ["weather"], "")).toThrow(
      'the server has no tool "weather". Its tools: none.',
    );
    expect(namedTools([tool(""), tool("/")], undefined, "")).toMatchObject([
      { name: "_2" },
      { name: "_" },
    ]);
  });
});

const tool = (name: string): McpTool => ({ name, inputSchema: {} });

describe("mcpTools", () => {
  test.each<[string, object, string]>([
    ["neither", {}, "give `url` or `transport`, one of them"],
    ["both", { url: "http://a", ...stdio }, "give `url` or `transport`"],
    ["no URL", { url: "docs" }, 'the option "url" must be a URL'],
    ["a typo", { url: "http://a", prefxi: "a" }, 'there is no option "prefxi"'],
    ["headers", { url: "http://a", headers: "a" }, "an object or a function"],
    [
      "approval",
      { url: "http://a", needsApproval: 1 },
      "true, false or a function",
    ],
    ["a prefix", { url: "http://a", prefix: "a." }, "up to 32 letters"],
  ])("refuses %s", (_what, options, said) => {
    expect(() => mcpTools(options)).toThrow(ConfigurationError);
    expect(() => mcpTools(options)).toThrow(said);
  });
});
