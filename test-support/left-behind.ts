import { afterAll } from "@jest/globals";

/*
 * A timer that a test leaves behind fires while another file is being tested: it is told as that one's failure, or, at the very
 * end, as "Cannot log after tests are done", and the run fails although every test has passed.
 */
const running = new Map<unknown, Error>();
const { setTimeout: set, clearTimeout: clear } = globalThis;

const watched = (
  run: (...given: unknown[]) => void,
  ms?: number,
  ...given: unknown[]
) => {
  const made = new Error("It was set");
  const timer = set(() => {
    running.delete(timer);
    run(...given);
  }, ms);
  // Those of the libraries in use are theirs, whoever has called them: who sets it stands below this function.
  const [, , setter = ""] = made.stack?.split("\n") ?? [];
  if (/\/packages\/[^/]+\/src\//.test(setter)) running.set(timer, made);
  // The durable SDK sets one that only logs; the process of the tests would be waited for.
  if (ms === 500 && setter.includes("/durable-execution-sdk-js/"))
    timer.unref();
  return timer;
};
globalThis.setTimeout = Object.assign(watched, set) as typeof setTimeout;
globalThis.clearTimeout = (timer) => {
  running.delete(timer);
  clear(timer);
};

afterAll(async () => {
  // What ends with the last test may end a moment after it.
  for (let turn = 0; turn < 10 && running.size > 0; turn++)
    await new Promise((resolve) => set(resolve, 20));
  const [left] = running.values();
  if (left !== undefined)
    throw new Error(
      `The tests of this file have left ${running.size} timers running, such as the one of a stream that nobody has read to its end.`,
      { cause: left },
    );
});
