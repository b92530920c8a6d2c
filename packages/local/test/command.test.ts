import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { commandOptions, HELP } from "../src/command/command-options.ts";
import { FileWatcher } from "../src/command/file-watcher.ts";
import { createFront, type Target } from "../src/command/front.ts";
import { functionEnvironment } from "../src/command/function-environment.ts";
import { main } from "../src/command/main.ts";
import { until } from "./helpers.ts";

// Processes start here, on whatever machine that is.
jest.setTimeout(60_000);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lambdallm-local-"));
});

afterAll(() => rm(folder, { recursive: true }));

/** The function lives outside of this workspace. */
const SDK = import.meta.resolve("@aws-sdk/client-bedrock-runtime");

const HANDLER = `
import { word } from "./word.ts";

export const other = 5;
export const handler = async ({ rawPath }: { rawPath: string }): Promise<unknown> => {
  if (rawPath === "/slow") await new Promise(() => setTimeout(() => {}, 60_000));
  if (rawPath === "/block") for (;;);
  if (rawPath === "/exit") process.exit(3);
  if (rawPath === "/env") return process.env;
  if (rawPath === "/model") {
    const { BedrockRuntimeClient, ConverseCommand } = await import(${JSON.stringify(SDK)});
    const { output } = await new BedrockRuntimeClient({}).send(
      new ConverseCommand({
        modelId: "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
        messages: [{ role: "user", content: [{ text: "Hello" }] }],
      }),
    );
    return output;
  }
  console.log("in the function");
  return { statusCode: 200, body: word };
};
`;
const word = (value: string) =>
  writeFile(join(folder, "word.ts"), `export const word: string = ${value};\n`);
const file = (name: string) => join(folder, name);

beforeEach(async () => {
  await word('"one"');
  await writeFile(file("app.ts"), HANDLER);
  await writeFile(file("empty.ts"), "export {};\n");
  await writeFile(
    file("plain.cjs"),
    "module.exports = { run: async () => ({ statusCode: 200, body: 'cjs' }) };\n",
  );
  await writeFile(
    file(".env"),
    "GREETING=hi\nAWS_REGION=eu-west-1\nHOME=/nowhere\n",
  );
  await writeFile(file("package.json"), '{"type":"module"}');
});

/** Runs the command in this process; the function still has its own. */
function run(...argv: string[]) {
  const ending = new AbortController();
  const output = { text: "" };
  const write = (text: string) => {
    output.text += text;
  };
  const code = main(argv, {
    env: { PATH: process.env["PATH"] },
    stdout: write,
    stderr: write,
    signal: ending.signal,
  });
  return {
    code,
    output,
    end: () => ending.abort(),
    url: async () => {
      await until(() => /Local Bedrock/.test(output.text));
      return /Function URL\s+(\S+)/.exec(output.text)?.[1] ?? "";
    },
  };
}

let command: ReturnType<typeof run> | undefined;

afterEach(async () => {
  command?.end();
  await command?.code;
  command = undefined;
});

async function start(...argv: string[]): Promise<string> {
  command = run(...argv, "--port", "0");
  return command.url();
}

const textOf = async (url: string) => (await fetch(url)).text();

describe("the command line", () => {
  const usage = async (...argv: string[]) => {
    const { code, output } = run(...argv);
    return { code: await code, text: output.text };
  };

  test.each<[string, string[], string]>([
    ["no file", [], "Which handler file? Give its path."],
    ["two files", ["a", "b"], "One handler file at a time: b is too much."],
    [
      "a missing file",
      ["/no/such/file.ts"],
      "The handler file does not exist: /no/such/file.ts",
    ],
    ["a folder", [tmpdir()], "The handler file is not a file:"],
    ["an unknown option", ["--prot", "1"], "Unknown option '--prot'.\n"],
    ["an option without its value", ["--port"], "argument missing"],
    [
      "a port that is no number",
      ["FILE", "--port", "many"],
      '--port must be a whole number from 0 to 65535, not "many".',
    ],
    [
      "a port that is too large",
      ["FILE", "--bedrock-port", "65536"],
      "--bedrock-port must be a whole number",
    ],
    ["an empty port", ["FILE", "--port", ""], "--port must be a whole number"],
    [
      "a timeout of nothing",
      ["FILE", "--timeout", "0"],
      "--timeout must be a number of seconds above 0 and at most 900",
    ],
    ["a timeout that is too long", ["FILE", "--timeout", "901"], 'not "901".'],
    [
      "an upstream that is no URL",
      ["FILE", "--upstream", "localhost"],
      "--upstream must be a URL such as",
    ],
    [
      "an upstream of another protocol",
      ["FILE", "--upstream", "ftp://x"],
      'not "ftp://x".',
    ],
    [
      "a quota that is no number of tokens",
      ["FILE", "--quota-tokens-per-minute", "2M"],
      '--quota-tokens-per-minute must be a positive whole number, not "2M".',
    ],
    [
      "a quota of nothing",
      ["FILE", "--quota-tokens-per-minute", "0"],
      'not "0".',
    ],
    [
      "a missing env file",
      ["FILE", "--env-file", "/no/.env"],
      "The file of --env-file does not exist: /no/.env",
    ],
  ])(
    "with %s says what is wrong and ends with 1",
    async (_what, argv, message) => {
      const { code, text } = await usage(
        ...argv.map((part) => (part === "FILE" ? file("app.ts") : part)),
      );
      expect(code).toBe(1);
      expect(text).toContain(`lambdallm-local: ${message}`.slice(0, 16));
      expect(text).toContain(message);
      expect(text).toContain("See lambdallm-local --help.");
    },
  );

  test("--help and --version say it and end with 0", async () => {
    expect(await usage("--help")).toEqual({ code: 0, text: HELP });
    const { version } = JSON.parse(
      await readFile(new URL("../package.json", import.meta.url), "utf8"),
    );
    expect(await usage("-v")).toEqual({ code: 0, text: `${version}\n` });
  });

  test("the file of the command hands over its arguments", async () => {
    const { argv, exitCode } = process;
    const write = process.stdout.write;
    let text = "";
    process.argv = ["node", "cli.ts", "--version"];
    process.stdout.write = (part: unknown) => {
      text += part;
      return true;
    };
    try {
      await import("../src/cli.ts");
    } finally {
      process.argv = argv;
      process.stdout.write = write;
      process.exitCode = exitCode;
      process.removeAllListeners("SIGINT").removeAllListeners("SIGTERM");
    }
    expect(text).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("what nobody foresaw is thrown, not hidden", async () => {
    const broken = main(["--help"], {
      env: {},
      stdout: () => {
        throw new Error("the pipe is gone");
      },
      stderr: () => {},
      signal: new AbortController().signal,
    });
    await expect(broken).rejects.toThrow("the pipe is gone");
  });

  test("ended before it runs, it ends", async () => {
    let text = "";
    const code = await main([file("app.ts"), "--port", "0"], {
      env: {},
      stdout: (part) => {
        text += part;
      },
      stderr: () => {},
      signal: AbortSignal.abort(),
    });
    expect([code, text]).toEqual([0, expect.stringContaining("Function URL")]);
  });

  test("has defaults, and takes everything", () => {
    expect(commandOptions([file("app.ts")], {})).toMatchObject({
      file: file("app.ts"),
      handlerName: "handler",
      port: 3000,
      bedrockPort: 0,
      timeoutMs: 30_000,
    });
    expect(
      commandOptions(
        [
          file("app.ts"),
          "--handler",
          "run",
          "--timeout",
          "0.5",
          "--upstream",
          "http://x/v1",
          "--upstream-model",
          "m",
          "--quota-tokens-per-minute",
          "2000000",
          "--env-file",
          file(".env"),
        ],
        { UPSTREAM_API_KEY: "key" },
      ),
    ).toMatchObject({
      handlerName: "run",
      timeoutMs: 500,
      upstream: "http://x/v1",
      upstreamModel: "m",
      upstreamApiKey: "key",
      quotaTokensPerMinute: 2_000_000,
      envFile: file(".env"),
    });
  });

  test("a port in use is named with its option", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve),
    );
    const { port } = server.address() as AddressInfo;
    for (const option of ["--port", "--bedrock-port"]) {
      const { code, text } = await usage(file("app.ts"), option, String(port));
      expect(code).toBe(1);
      expect(text).toContain(
        `Port ${port} cannot be opened: listen EADDRINUSE: address already in use 127.0.0.1:${port}. Choose another one with ${option}, or 0 for a free one.`,
      );
    }
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("the environment of the function", () => {
  test("is Lambda's, with dummy credentials only when there are none", async () => {
    await writeFile(file("app.ts"), HANDLER);
    const given = commandOptions([file("app.ts")], {});
    if (typeof given === "string") throw new Error("options expected");
    expect(functionEnvironment(given, "http://bedrock", {})).toMatchObject({
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: "http://bedrock",
      AWS_REGION: "us-east-1",
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local",
      AWS_LAMBDA_FUNCTION_NAME: "app",
      _HANDLER: "app.handler",
      LAMBDA_TASK_ROOT: folder,
    });
    const own = {
      AWS_PROFILE: "mine",
      AWS_REGION: "eu-north-1",
      AWS_LAMBDA_FUNCTION_NAME: "f",
    };
    const kept = functionEnvironment(given, "http://bedrock", own);
    expect(kept).toMatchObject({
      ...own,
      AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/f",
    });
    expect(kept).not.toHaveProperty("AWS_ACCESS_KEY_ID");
  });
});

describe("the running command", () => {
  test("answers, follows an edit, says what is wrong, and is well again", async () => {
    const url = await start(file("app.ts"));
    expect(await textOf(url)).toBe("one");
    await word('"two"');
    await until(() =>
      /Changed; starting again/.test(command?.output.text ?? ""),
    );
    expect(await textOf(url)).toBe("two");
    await word("= syntax error");
    await until(() => /could not be loaded/.test(command?.output.text ?? ""));
    expect((await fetch(url)).status).toBe(502);
    await word('"three"');
    // An editor's write may be noticed twice.
    await until(async () => (await textOf(url)) === "three");
    expect(command?.output.text).toContain("in the function\n");
    expect(command?.output.text).toMatch(/^GET \/ 200 \d+ ms$/m);
    expect(command?.output.text).toMatch(/SyntaxError/);
  });

  test("follows an editor that replaces the file, and finds a file that was missing", async () => {
    const url = await start(file("app.ts"));
    expect(await textOf(url)).toBe("one");
    await writeFile(
      file("word.tmp"),
      'export const word: string = "replaced";\n',
    );
    await rename(file("word.tmp"), file("word.ts"));
    await until(() => /Changed/.test(command?.output.text ?? ""));
    expect(await textOf(url)).toBe("replaced");
    await rm(file("word.ts"));
    await until(() => /ERR_MODULE_NOT_FOUND/.test(command?.output.text ?? ""));
    await writeFile(file("word.ts"), 'export const word: string = "back";\n');
    await until(async () => (await textOf(url)) === "back");
  });

  test("calls of the model go to the local Bedrock, in the environment of the file", async () => {
    const url = await start(file("app.ts"), "--env-file", file(".env"));
    expect(JSON.parse(await textOf(`${url}model`))).toEqual({
      message: {
        role: "assistant",
        content: [{ text: "Hello! How can I help you?" }],
      },
    });
    expect(command?.output.text).toMatch(
      /^ {2}Converse eu\.anthropic\.claude-haiku\S+ \d+ ms$/m,
    );
    const env = JSON.parse(await textOf(`${url}env`));
    expect(env).toMatchObject({
      GREETING: "hi",
      AWS_REGION: "eu-west-1",
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: expect.stringMatching(/^http:/),
    });
  });

  test("a quota refuses what does not fit", async () => {
    await start(file("app.ts"), "--quota-tokens-per-minute", "64000");
    const bedrock = /Local Bedrock\s+(\S+)/.exec(
      command?.output.text ?? "",
    )?.[1];
    const statusOf = async (maxTokens: number) => {
      const response = await fetch(`${bedrock}/model/acme.m/converse`, {
        method: "POST",
        body: JSON.stringify({
          messages: [{ role: "user", content: [{ text: "Hi" }] }],
          inferenceConfig: { maxTokens },
        }),
      });
      return response.status;
    };
    expect(await statusOf(64_000)).toBe(429);
    expect(await statusOf(4_096)).toBe(200);
  });

  test("an upstream answers instead", async () => {
    const url = await start(
      file("app.ts"),
      "--upstream",
      "http://127.0.0.1:1/v1",
      "--upstream-model",
      "m",
    );
    const bedrock = /Local Bedrock\s+(\S+)/.exec(
      command?.output.text ?? "",
    )?.[1];
    const response = await fetch(`${bedrock}/model/acme.m/converse`, {
      method: "POST",
      body: JSON.stringify({
        messages: [{ role: "user", content: [{ text: "Hi" }] }],
      }),
    });
    expect([url !== "", response.status]).toEqual([true, 503]);
  });

  test("a model call whose caller hangs up is said to have been that", async () => {
    const silent = net.createServer((socket) => {
      socket.on("error", () => {}).resume();
    });
    await new Promise<void>((resolve) => {
      silent.listen(0, "127.0.0.1", resolve);
    });
    const { port } = silent.address() as AddressInfo;
    await start(file("app.ts"), "--upstream", `http://127.0.0.1:${port}/v1`);
    const bedrock = /Local Bedrock\s+(\S+)/.exec(
      command?.output.text ?? "",
    )?.[1];
    const abort = new AbortController();
    const called = fetch(`${bedrock}/model/acme.m/converse`, {
      method: "POST",
      body: JSON.stringify({
        messages: [{ role: "user", content: [{ text: "Hi" }] }],
      }),
      signal: abort.signal,
    }).catch((error: Error) => error.name);
    await once(silent, "connection");
    abort.abort();
    expect(await called).toBe("AbortError");
    await until(() =>
      /Converse acme\.m \d+ ms \(the client hung up\)/.test(
        command?.output.text ?? "",
      ),
    );
    await new Promise((resolve) => silent.close(resolve));
  });

  test("a timeout, a crash and an endless loop are a 502 each, and the next request finds a new process", async () => {
    const url = await start(file("app.ts"), "--timeout", "1");
    for (const path of ["slow", "exit", "block"]) {
      const response = await fetch(url + path);
      expect([path, response.status, await response.text()]).toEqual([
        path,
        502,
        "Internal Server Error",
      ]);
      expect(await textOf(url)).toBe("one");
    }
    expect(
      command?.output.text.match(/Task timed out after 1\.00 seconds/g),
    ).toHaveLength(2);
    expect(command?.output.text).toContain(
      "Runtime.ExitError: the function's process ended (code 3)",
    );
  });

  test("a missing export is named with the exports there are", async () => {
    const url = await start(file("app.ts"), "--handler", "run");
    expect((await fetch(url)).status).toBe(502);
    expect(command?.output.text).toContain(
      `${file("app.ts")} has no export "run"; it exports handler, other.`,
    );
    command?.end();
    await command?.code;
    await start(file("app.ts"), "--handler", "other");
    await until(() =>
      /The export "other" of \S+ is no function/.test(
        command?.output.text ?? "",
      ),
    );
    command?.end();
    await command?.code;
    await start(file("empty.ts"));
    await until(() => /it exports nothing/.test(command?.output.text ?? ""));
  });

  test("CommonJS works, and a process that ends before it is ready is a 502", async () => {
    const url = await start(file("plain.cjs"), "--handler", "run");
    expect(await textOf(url)).toBe("cjs");
    await writeFile(file("plain.cjs"), "process.exit(9);\n");
    await until(() => /code 9/.test(command?.output.text ?? ""));
    expect((await fetch(url)).status).toBe(502);
  });

  test("as a real process it ends with Ctrl-C, and its function with it", async () => {
    const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
    const child = spawn(
      process.execPath,
      ["--conditions=@lambdallm/source", cli, file("app.ts"), "--port", "0"],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    await until(() => /Local Bedrock/.test(text));
    const url = /Function URL\s+(\S+)/.exec(text)?.[1] ?? "";
    expect(await textOf(url)).toBe("one");
    child.kill("SIGINT");
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
  });
});

describe("the front", () => {
  const listen = async (server: http.Server) => {
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve),
    );
    return (server.address() as AddressInfo).port;
  };
  const close = (server: http.Server) =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    });

  test("tries a new process once when the first one is gone", async () => {
    const behind = http.createServer((_request, response) =>
      response.end("new"),
    );
    const ports = [1, await listen(behind)];
    let kills = 0;
    const target: Target = {
      port: async () => ports.shift() ?? 1,
      kill: () => {},
      abandon: () => {
        kills++;
      },
    };
    const front = createFront(target, { timeoutMs: 1_000, log: () => {} });
    const port = await listen(front);
    expect(await textOf(`http://127.0.0.1:${port}`)).toBe("new");
    expect(kills).toBe(1);
    expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(502);
    await close(front);
    await close(behind);
  });

  test("drops half a request, and does not blame the process for it", async () => {
    let seen = 0;
    let kills = 0;
    const behind = http.createServer((request) => {
      seen++;
      request.once("close", () => seen--);
    });
    const behindPort = await listen(behind);
    const gate = Promise.withResolvers<void>();
    const logged: string[] = [];
    const front = createFront(
      {
        port: async () => {
          await gate.promise;
          return behindPort;
        },
        kill: () => {},
        abandon: () => {
          kills++;
        },
      },
      { timeoutMs: 60_000, log: (line) => logged.push(line) },
    );
    const port = await listen(front);
    const half = async () => {
      const socket = net.connect(port, "127.0.0.1");
      socket.write(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",
      );
      await new Promise((resolve) => setTimeout(resolve, 30));
      return socket;
    };
    (await half()).destroy();
    await until(() => logged.length === 1);
    gate.resolve();
    const socket = await half();
    await until(() => seen === 1);
    socket.destroy();
    await until(() => logged.length === 2 && seen === 0);
    expect(kills).toBe(0);
    await close(front);
    await close(behind);
  });

  test("truncates the answer of a process that dies under it, and reads on when the caller hangs up", async () => {
    let isWritten = false;
    const behind = http.createServer(async (request, response) => {
      response.write("first");
      if (request.url === "/die") {
        setTimeout(() => response.destroy(), 20);
        return;
      }
      for (let index = 0; index < 30; index++)
        if (!response.write(Buffer.alloc(1024 * 1024)))
          await once(response, "drain");
      response.end();
      isWritten = true;
    });
    const behindPort = await listen(behind);
    const front = createFront(
      { port: async () => behindPort, kill: () => {}, abandon: () => {} },
      { timeoutMs: 60_000, log: () => {} },
    );
    const port = await listen(front);
    const died = await fetch(`http://127.0.0.1:${port}/die`);
    await expect(died.text()).rejects.toThrow();
    const abort = new AbortController();
    await fetch(`http://127.0.0.1:${port}/long`, { signal: abort.signal });
    abort.abort();
    await until(() => isWritten);
    await close(front);
    await close(behind);
  });
});

test("a watcher does not hear of files it was not told of, unless it is eager", async () => {
  let changes = 0;
  const watcher = new FileWatcher(() => {
    changes++;
  });
  watcher.add(file("known.ts"));
  watcher.add(file("known-too.ts"));
  await writeFile(file("stranger.ts"), "1");
  await writeFile(file("known-too.ts"), "1");
  await until(() => changes === 1);
  watcher.isEager = true;
  await writeFile(file("stranger.txt"), "2");
  await writeFile(file("stranger.ts"), "2");
  await until(() => changes === 2);
  watcher.close();
});
