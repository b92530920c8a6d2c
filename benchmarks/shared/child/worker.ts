/** A warm process: runs blocks of calls, or tells its memory, whenever the parent asks. */
import { createContext, createEvent, type LambdaHandler } from "../event.ts";

export interface Block {
  readonly calls: number;
  readonly inFlight: number;
}

export interface BlockResult {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly latenciesMs: readonly number[];
  /** The last answer, to see that every contender says the same. */
  readonly body: string;
}

export interface MemoryResult {
  readonly rss: number;
  readonly heapUsed: number;
}

const [, , bundle = ""] = process.argv;
// Every bundle exports one.
const { handler } = (await import(bundle)) as { handler: LambdaHandler };

async function answer(): Promise<string> {
  const { statusCode, body } = await handler(createEvent(), createContext());
  if (statusCode !== 200) throw new Error(`${statusCode}: ${body}`);
  return body;
}

async function runBlock({ calls, inFlight }: Block): Promise<BlockResult> {
  const latenciesMs: number[] = [];
  let left = calls;
  let body = "";
  const start = performance.now();
  const before = process.cpuUsage();
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      const called = performance.now();
      body = await answer();
      latenciesMs.push(performance.now() - called);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const { user, system } = process.cpuUsage(before);
  const wallMs = performance.now() - start;
  return { wallMs, cpuMs: (user + system) / 1_000, latenciesMs, body };
}

/** Two collections with a turn of the event loop between them, so that what finalizers release counts as released. */
async function readMemory(): Promise<MemoryResult> {
  for (let round = 0; round < 2; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc?.();
  }
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heapUsed };
}

process.on("message", async (request: Block | "memory") => {
  process.send?.(
    request === "memory" ? await readMemory() : await runBlock(request),
  );
});
process.send?.("ready");
