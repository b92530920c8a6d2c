import { type ChildProcess, fork } from "node:child_process";
import { on, once } from "node:events";
import { fileURLToPath } from "node:url";
import type { DurableEvent } from "@lambdallm/local";

/** Runs invocations in processes of their own, and kills some of them in the middle of their work. */
export class Processes {
  readonly #fixture: string;
  #child: ChildProcess | undefined;
  #killsLeft = 0;

  constructor(fixture: string) {
    this.#fixture = fileURLToPath(
      new URL(`./fixtures/${fixture}`, import.meta.url),
    );
  }

  /** From now on that many processes are killed. */
  kill(count: number): void {
    this.#killsLeft = count;
  }

  /** The present process is at work: every other time it is killed, in a moment. */
  progress(): void {
    const child = this.#child;
    if (this.#killsLeft === 0 || child === undefined || Math.random() < 0.5)
      return;
    this.#killsLeft -= 1;
    this.#child = undefined;
    setTimeout(() => child.kill("SIGKILL"), 50 * Math.random());
  }

  async invoke(
    event: DurableEvent,
    env: Readonly<Record<string, string>>,
  ): Promise<unknown> {
    const child = fork(this.#fixture, {
      env: {
        PATH: process.env["PATH"],
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "local",
        AWS_SECRET_ACCESS_KEY: "local",
        ...env,
      },
      execArgv: [
        "--conditions=@lambdallm/source",
        "--disable-warning=ExperimentalWarning",
      ],
    });
    this.#child = child;
    const over = new AbortController();
    child.send(event);
    const death = once(child, "exit", over).then(([code, by]) =>
      Promise.reject(new Error(`It ended: ${by ?? code}`)),
    );
    try {
      return await Promise.race([this.#answer(child, over.signal), death]);
    } finally {
      death.catch(() => {});
      over.abort();
    }
  }

  /** It says "step" when it begins one, and gives its answer. */
  async #answer(child: ChildProcess, signal: AbortSignal): Promise<unknown> {
    for await (const [message] of on(child, "message", { signal })) {
      if (message !== "step") return message;
      this.progress();
    }
    throw new Error("A process sends messages until it ends.");
  }
}
