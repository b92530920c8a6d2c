import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A process that is invoked once, as that of a Lambda function may be before it is killed. */
export interface Worker {
  /** As the service does, or the kernel: nothing in the process gets to know. */
  kill(): void;
  /** What it has answered; undefined when it was killed before. */
  readonly answer: Promise<unknown>;
}

/** Starts a program that calls `inWorker`, from the sources, and sends it its event. */
export function startWorker(
  program: URL,
  event: object,
  env: Readonly<Record<string, string>>,
): Worker {
  const child = fork(program, {
    env: { ...process.env, ...env },
    execArgv: [
      "--conditions=@lambdallm/source",
      "--disable-warning=ExperimentalWarning",
    ],
  });
  child.send(event);
  return { kill: () => child.kill("SIGKILL"), answer: answerOf(child) };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  let answer: unknown;
  child.once("message", (message) => {
    answer = message;
  });
  const [code, signal] = await once(child, "close");
  if (signal === null && code !== 0)
    throw new Error(`The worker has ended with the code ${code}.`);
  return answer;
}

/** In the process: answers the event, and ends. */
export function inWorker(handler: (event: unknown) => Promise<unknown>): void {
  process.once("message", async (event) => {
    const answer = await handler(event);
    process.send?.(answer, () => process.exit());
  });
}
