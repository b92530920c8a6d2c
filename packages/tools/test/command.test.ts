import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { main } from "../src/command/main.ts";
import { watchSources } from "../src/command/watch-sources.ts";
import { project } from "./project.ts";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const ONE = "/** One. */\nexport const one = (a: string) => a;\n";
const TWO = "/** Two. */\nexport const two = () => 2;\n";
const BAD = "/** One. */\nexport const one = (a: bigint) => a;\n";

/** Starts the command as a process of its own, in the folder of a project. */
function start(folder: string, ...argv: string[]) {
  const child = spawn(
    process.execPath,
    ["--conditions=@lambdallm/source", CLI, ...argv],
    { cwd: folder },
  );
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data) => {
    output.stdout += data;
  });
  child.stderr.on("data", (data) => {
    output.stderr += data;
  });
  return {
    child,
    output,
    result: async () => {
      const [code] = await once(child, "close");
      return { code, ...output };
    },
  };
}

const run = (folder: string, ...argv: string[]) =>
  start(folder, ...argv).result();

/** Until it holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe("lambdallm-tools, as a process", () => {
  test("writes the module, and not again when it is as it was", async () => {
    const { folder, read } = project({ "src/tools.ts": ONE });
    const argv = ["src/tools.ts", "--out", "src/tools.generated.ts"];
    expect(await run(folder, ...argv)).toEqual({
      code: 0,
      stdout: "src/tools.generated.ts is written: 1 tool\n",
      stderr: "",
    });
    expect(read("src/tools.generated.ts")).toContain("source1.one(input.a)");
    expect(await run(folder, ...argv)).toEqual({
      code: 0,
      stdout: "src/tools.generated.ts is up to date: 1 tool\n",
      stderr: "",
    });
  });

  test("--check fails when the module is stale, and says which functions have changed", async () => {
    const { folder, write, read } = project({ "tools.ts": ONE });
    const argv = ["tools.ts", "-o", "out.ts"];
    const check = () => run(folder, ...argv, "--check");
    expect(await check()).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "out.ts is stale: the file does not exist. Run lambdallm-tools without --check.\n",
    });
    expect(existsSync(`${folder}/out.ts`)).toBe(false);
    await run(folder, ...argv);
    expect(await check()).toEqual({ code: 0, stdout: "", stderr: "" });
    const before = read("out.ts");
    write("tools.ts", `${ONE.replace("string", "number")}${TWO}`);
    const { code, stderr } = await check();
    expect([code, stderr]).toEqual([
      1,
      "out.ts is stale: one has changed, two is new. Run lambdallm-tools without --check.\n",
    ]);
    expect(read("out.ts")).toBe(before);
  });

  test("says on stderr what is wrong with the sources, and with the command line", async () => {
    const { folder } = project({ "tools.ts": BAD });
    expect(await run(folder, "tools.ts", "--out", "out.ts")).toEqual({
      code: 1,
      stdout: "",
      stderr:
        'tools.ts:2 one, parameter "a": it is a bigint, and JSON has none. Take a number, or a string of digits.\n',
    });
    expect(await run(folder, "tools.ts", "--outt", "out.ts")).toEqual({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(
        /^lambdallm-tools: Unknown option '--outt'\.?\s+See lambdallm-tools --help\.\n$/,
      ),
    });
  });

  test("--watch writes whenever a source changes, and ends with the signal", async () => {
    const { folder, write, read } = project({ "src/tools.ts": ONE });
    const { child, output, result } = start(
      folder,
      "src/*.ts",
      "--out=src/tools.generated.ts",
      "--watch",
    );
    await until(() => output.stdout.includes("is written: 1 tool\n"));
    write("src/more.ts", TWO);
    await until(() => output.stdout.includes("is written: 2 tools\n"));
    write("src/tools.ts", BAD);
    await until(() => output.stderr.includes("bigint"));
    write("src/tools.ts", ONE.replace("string", "boolean"));
    await until(() => read("src/tools.generated.ts").includes("boolean"));
    child.kill("SIGTERM");
    expect((await result()).code).toBe(0);
  });
});

/** Runs the command in this process, where its lines are counted. */
function inProcess(...argv: string[]) {
  const ending = new AbortController();
  const output = { stdout: "", stderr: "" };
  const code = main(argv, {
    stdout: (text) => {
      output.stdout += text;
    },
    stderr: (text) => {
      output.stderr += text;
    },
    signal: ending.signal,
  });
  return { code, output, end: () => ending.abort() };
}

describe("The command line", () => {
  test("--help and --version say so", async () => {
    const help = inProcess("--help");
    expect(await help.code).toBe(0);
    expect(help.output.stdout).toContain("Usage: lambdallm-tools FILE...");
    const version = inProcess("-v");
    expect(await version.code).toBe(0);
    expect(version.output.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    [[], "Where to write to? Give --out FILE."],
    [["--out"], "Option '-o, --out <value>' argument missing"],
    [["--out", "a.ts"], "Which files? Give at least one path or glob."],
    [
      ["a.ts", "--out", "a.js"],
      'The file to write must be a TypeScript file, such as src/tools.generated.ts, not "a.js".',
    ],
    [
      ["a.ts", "--out", "b.ts", "--check", "--watch"],
      "Either --check or --watch.",
    ],
    [
      ["a.ts", "--out", "b.ts", "--import-extension", "mjs"],
      'The extension of imports must be "ts" or "js", not "mjs".',
    ],
    [["nowhere.ts", "--out", "b.ts"], "nowhere.ts does not exist."],
    [
      ["nowhere/**/*.ts", "--out", "b.ts"],
      "No TypeScript file matches nowhere/**/*.ts.",
    ],
    [["nowhere.ts", "--out", "b.ts", "--watch"], "nowhere.ts does not exist."],
  ])("%j is refused", async (argv, message) => {
    const { code, output } = inProcess(...argv);
    expect(await code).toBe(2);
    expect(output).toEqual({
      stdout: "",
      stderr: `lambdallm-tools: ${message}\nSee lambdallm-tools --help.\n`,
    });
  });

  test("--check and writing work in this process, too", async () => {
    const { path } = project({ "tools.ts": ONE, "bad.ts": BAD });
    const argv = [path("tools.ts"), "--out", path("out.ts")];
    expect(await inProcess(...argv, "--check").code).toBe(1);
    const [first, second] = [inProcess(...argv), inProcess(...argv)];
    expect([await first.code, await second.code]).toEqual([0, 0]);
    expect(first.output.stdout).toMatch(/is written: 1 tool\n$/);
    expect(second.output.stdout).toMatch(/is up to date: 1 tool\n$/);
    expect(await inProcess(...argv, "--check").code).toBe(0);
    expect(await inProcess(path("bad.ts"), "--out", path("out.ts")).code).toBe(
      1,
    );
  });

  test("what is no error of the user's is thrown", async () => {
    const { path, write } = project({ "tools.ts": ONE, "file/a.txt": "" });
    write("out.ts/a.txt", "");
    await expect(
      inProcess(path("tools.ts"), "--out", path("out.ts")).code,
    ).rejects.toThrow("EISDIR");
  });
});

describe("--watch", () => {
  let command: ReturnType<typeof inProcess> | undefined;
  afterEach(async () => {
    command?.end();
    await command?.code;
    command = undefined;
  });
  const watched = (...argv: string[]) => {
    command = inProcess(...argv, "--watch");
    return command.output;
  };

  test("begins with sources that are wrong, and goes on while a file is away", async () => {
    const { path, write } = project({ "tools.ts": BAD });
    const output = watched(path("tools.ts"), "--out", path("out.ts"));
    await until(() => output.stderr.includes("bigint"));
    expect(output.stderr.match(/bigint/g)).toHaveLength(1);
    rmSync(path("tools.ts"));
    await until(() => output.stderr.includes("does not exist"));
    write("tools.ts", ONE);
    await until(() => output.stdout.includes("is written"));
  });

  test("sees what the sources import", async () => {
    const { path, write, read } = project({
      "tools.ts": `import type { A } from "./types/a.ts";\n${ONE.replace("string", "A")}`,
      "types/a.ts": "export type A = string;",
    });
    const output = watched(path("tools.ts"), "--out", path("out.ts"));
    await until(() => output.stdout.includes("is written"));
    write("types/a.ts", "export type A = boolean;");
    await until(() => read("out.ts").includes("boolean"));
  });

  test("reads again what may have changed before it was watched", async () => {
    const { path } = project({ "a/tools.ts": ONE, "b/more.ts": TWO });
    const sources = ["a/tools.ts", "b/more.ts"].map(path);
    const ending = new AbortController();
    let runs = 0;
    const watching = watchSources(
      () => sources.slice(0, ++runs),
      () => true,
      ending.signal,
    );
    // In the second run there is another directory, in the third there is none.
    expect(runs).toBe(3);
    ending.abort();
    await watching;
  });

  test("is not woken by other files, nor by what it writes", async () => {
    const { path, write } = project({ "tools.ts": ONE });
    const output = watched(path("tools.ts"), "--out", path("out.ts"));
    await until(() => output.stdout.includes("is written"));
    write("notes.txt", "");
    const { mtimeMs } = statSync(path("out.ts"));
    write("tools.ts", `${ONE}${TWO}`);
    await until(() => output.stdout.includes("2 tools"));
    expect(statSync(path("out.ts")).mtimeMs).toBeGreaterThan(mtimeMs);
    expect(output.stdout.match(/is up to date/g)).toBeNull();
  });
});
