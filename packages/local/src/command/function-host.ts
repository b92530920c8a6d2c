import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { FileWatcher } from "./file-watcher.ts";
import type { Target } from "./front.ts";
import type { FunctionMessage } from "./function-message.ts";

export interface FunctionHostOptions {
  readonly file: string;
  readonly handlerName: string;
  readonly timeoutMs: number;
  readonly environment: () => NodeJS.ProcessEnv;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** Beside this file and with its ending, in the sources and in the build alike. */
const ENTRY = fileURLToPath(
  import.meta.url.replace(/function-host(\.[jt]s)$/, "function-process$1"),
);

/** The process that runs the function: starts with the first request, ends with a change, a timeout or a crash. */
export class FunctionHost implements Target {
  readonly #options: FunctionHostOptions;
  readonly #watcher: FileWatcher;
  /** Those whose end is no surprise. */
  readonly #killed = new WeakSet<ChildProcess>();
  #child: ChildProcess | undefined;
  #port: Promise<number> | undefined;

  constructor(options: FunctionHostOptions) {
    this.#options = options;
    this.#watcher = new FileWatcher(() => {
      this.#options.stdout("Changed; starting again.\n");
      this.kill();
      void this.port().catch(() => {});
    });
    this.#watcher.add(options.file);
  }

  /** The port of the running process; starts one when there is none. */
  port(): Promise<number> {
    this.#port ??= this.#start();
    return this.#port;
  }

  /** Ends the process at once, as Lambda does. */
  kill(): void {
    /* istanbul ignore else -- a change can come while no process runs, which no test can time */
    if (this.#child !== undefined) this.#killed.add(this.#child);
    this.abandon();
  }

  /** The process does not answer: the next request starts another one. */
  abandon(): void {
    this.#child?.kill("SIGKILL");
    this.#forget(this.#child);
  }

  async close(): Promise<void> {
    this.#watcher.close();
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    this.kill();
    await ended;
  }

  #forget(child: ChildProcess | undefined): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#port = undefined;
  }

  async #start(): Promise<number> {
    const { file, handlerName, timeoutMs, environment } = this.#options;
    const child = spawn(
      process.execPath,
      [...process.execArgv, ENTRY, file, handlerName, String(timeoutMs)],
      { env: environment(), stdio: ["ignore", "pipe", "pipe", "ipc"] },
    );
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", this.#options.stdout);
    child.stderr?.setEncoding("utf8").on("data", this.#options.stderr);
    return new Promise((resolve, reject) => {
      child.on("message", (message: FunctionMessage) => {
        if (message.kind === "file") {
          this.#watcher.add(message.path);
          return;
        }
        this.#watcher.isEager = message.failed;
        resolve(message.port);
      });
      child.once("exit", (code, signal) => {
        const ending = `the function's process ended (${signal ?? `code ${code}`})`;
        if (!this.#killed.has(child))
          this.#options.stderr(`Runtime.ExitError: ${ending}\n`);
        this.#forget(child);
        reject(new Error(ending));
      });
    });
  }
}
