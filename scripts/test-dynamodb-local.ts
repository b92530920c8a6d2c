/**
 * Runs the tests that use DynamoDB on Amazon's own engine, DynamoDB Local, instead of dynalite; arguments go to Jest. Needs Java 17
 * or later, and npm's registry the first time. Exits with Jest's code, or with 75 when the engine cannot be had here.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";

/** The package is Amplify's, and holds DynamoDB Local 1.25.1 as Amazon gives it out. */
const PACKAGE = "amplify-dynamodb-simulator";
const VERSION = "2.9.30";
const SHA_512 =
  "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CACHE = join(ROOT, "node_modules", ".cache", "dynamodb-local");
const ENGINE = join(CACHE, VERSION);

const OLDEST_JAVA = 17;
const FETCH_TIMEOUT_MS = 120_000;
const START_TIMEOUT_MS = 60_000;

/** What sysexits.h calls a temporary failure. */
const UNAVAILABLE = 75;

class UnavailableError extends Error {}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: FETCH_TIMEOUT_MS,
  });
  if (status === 0) return stdout + stderr;
  throw new UnavailableError(
    `"${command} ${args[0]}" failed: ${error?.message ?? stderr}`,
  );
}

function checkJava(): void {
  const version = run("java", ["-version"]);
  const [, major = ""] = /version "(\d+)/.exec(version) ?? [];
  if (!(Number(major) >= OLDEST_JAVA))
    throw new UnavailableError(`"java" is too old: ${version}`);
}

function fetchEngine(): void {
  if (existsSync(ENGINE)) return;
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, "fetch-"));
  try {
    const name = `${PACKAGE}@${VERSION}`;
    run("npm", [
      "pack",
      name,
      "--prefer-offline",
      "--fetch-retries=1",
      "--pack-destination",
      folder,
    ]);
    const archive = join(folder, `${PACKAGE}-${VERSION}.tgz`);
    const hash = createHash("sha512").update(readFileSync(archive));
    if (hash.digest("base64") !== SHA_512)
      throw new Error(`${name} is not what it was.`);
    run("tar", ["-xzf", archive, "-C", folder, "package/emulator"]);
    // At once: a fetch that was stopped half-way leaves nothing that looks whole.
    renameSync(join(folder, "package", "emulator"), ENGINE);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server has an address object.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** @returns Its URL. It ends with this process. */
async function startEngine(): Promise<string> {
  const port = await freePort();
  const flags = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", port];
  const engine = spawn(
    "java",
    [
      // For a short life on few cores.
      "-XX:TieredStopAtLevel=1",
      "-XX:+UseSerialGC",
      "-Djava.library.path=DynamoDBLocal_lib",
      "-jar",
      "DynamoDBLocal.jar",
      ...flags.map(String),
    ],
    { cwd: ENGINE, stdio: ["ignore", "ignore", "inherit"] },
  );
  process.on("exit", () => engine.kill());
  const url = `http://127.0.0.1:${port}`;
  const client = new DynamoDBClient({
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
  });
  const end = performance.now() + START_TIMEOUT_MS;
  while (engine.exitCode === null && performance.now() < end) {
    try {
      await client.send(new ListTablesCommand());
      client.destroy();
      return url;
    } catch {
      await sleep(100);
    }
  }
  throw new UnavailableError("it did not start.");
}

/** @returns Jest's exit code. */
async function runTests(endpoint: string): Promise<number> {
  const tests = globSync("packages/*/test/**/*.test.ts", { cwd: ROOT })
    .filter((path) =>
      readFileSync(join(ROOT, path), "utf8").includes("test-support/dynalite"),
    )
    .map((path) => `--testMatch=<rootDir>/${path}`);
  const { scripts } = JSON.parse(
    readFileSync(join(ROOT, "package.json"), "utf8"),
  );
  // Without npm in between, which would not end it.
  const [, ...args] = scripts.test.split(" ");
  const jest = spawn(
    process.execPath,
    [...args, ...process.argv.slice(2), ...tests],
    {
      cwd: ROOT,
      env: { ...process.env, LAMBDALLM_DYNAMODB_ENDPOINT: endpoint },
      stdio: "inherit",
    },
  );
  process.on("exit", () => jest.kill());
  const [code] = await once(jest, "exit");
  return code ?? 1;
}

// A signal's own way to end a process leaves out what is to be done at the exit.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => process.exit(1));

try {
  checkJava();
  fetchEngine();
  process.exit(await runTests(await startEngine()));
} catch (error) {
  if (!(error instanceof UnavailableError)) throw error;
  console.error(
    `No tests on DynamoDB Local, which needs Java ${OLDEST_JAVA} or later and npm's registry: ${error.message}`,
  );
  process.exit(UNAVAILABLE);
}
