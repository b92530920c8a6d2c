import { type ChildProcess, fork, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { LocalBedrockOptions } from "./child/local-bedrock.ts";
import type { Block, BlockResult, MemoryResult } from "./child/worker.ts";

/** The next message of a child, or an error if it ends instead. */
function messageOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => {
      reject(new Error(`A child process ended with code ${code}.`));
    };
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      // Both ends are in this folder.
      resolve(message as T);
    });
  });
}

/** A local Bedrock that runs until `stop`. `responder` is a module that exports `respond`. */
export async function startLocalBedrock(
  responder: URL,
  tls?: LocalBedrockOptions["tls"],
): Promise<{ readonly url: string; readonly stop: () => void }> {
  const child = fork(
    fileURLToPath(new URL("child/local-bedrock.ts", import.meta.url)),
  );
  const options: LocalBedrockOptions = { responder: responder.href, tls };
  child.send(options);
  const url = await messageOf<string>(child);
  return { url, stop: () => child.disconnect() };
}

/** What the handlers find in their environment: nothing else is passed on, a developer's AWS profile above all. */
export function handlerEnvironment(
  endpoint: string,
  caFile?: string,
): NodeJS.ProcessEnv {
  return {
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: endpoint,
    ...(caFile && { NODE_EXTRA_CA_CERTS: caFile }),
  };
}

/** A warm handler. */
export class Worker {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(
    program: string,
    bundle: string,
    env: NodeJS.ProcessEnv,
  ): Promise<Worker> {
    const child = fork(program, [bundle], {
      env,
      execArgv: ["--expose-gc"],
      // What a handler logs is nobody's to read here.
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    await messageOf<"ready">(child);
    return new Worker(child);
  }

  run(calls: number, inFlight = 1): Promise<BlockResult> {
    return this.#ask<BlockResult>({ calls, inFlight });
  }

  memory(): Promise<MemoryResult> {
    return this.#ask<MemoryResult>("memory");
  }

  /** The child has nothing left to listen to, but its pooled connections would keep it. */
  stop(): void {
    this.#child.kill();
  }

  #ask<T>(request: Block | "memory"): Promise<T> {
    const answer = messageOf<T>(this.#child);
    this.#child.send(request);
    return answer;
  }
}

export interface ColdStart {
  /** From starting the process to its answer. */
  readonly wallMs: number;
  readonly cpuMs: number;
  /** The handler's first call, without loading it. */
  readonly firstCallMs: number;
  readonly firstCallCpuMs: number;
  readonly body: string;
}

export async function coldStart(
  program: string,
  bundle: string,
  env: NodeJS.ProcessEnv,
): Promise<ColdStart> {
  const start = performance.now();
  const child = spawn(process.execPath, [program, bundle], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let text = "";
  for await (const line of createInterface(child.stdout)) {
    // What comes before it the handler has logged.
    if (!line.startsWith('{"cpuMs"')) continue;
    text = line;
    break;
  }
  const wallMs = performance.now() - start;
  child.kill();
  await exited;
  // Written by child/cold-start.ts.
  const { statusCode, ...result } = JSON.parse(text) as Omit<
    ColdStart,
    "wallMs"
  > & { readonly statusCode: number };
  if (statusCode !== 200) throw new Error(`${statusCode}: ${result.body}`);
  return { wallMs, ...result };
}
