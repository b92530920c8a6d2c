import { appendFileSync } from "node:fs";
import { withDurableExecution } from "@aws/durable-execution-sdk-js";

/*
 * The process of one invocation: it takes the event from its parent, finds the service by AWS_ENDPOINT_URL_LAMBDA, as on Lambda, and
 * kills itself in the step that DIE_IN names. What each step did stands in a file.
 */
const CALLS = String(process.env["CALLS_FILE"]);

const handler = withDurableExecution(
  async ({ steps }: { steps: number }, context) => {
    const done: number[] = [];
    for (let step = 1; step <= steps; step++)
      done.push(
        await context.step(`step ${step}`, async () => {
          appendFileSync(CALLS, `${step}\n`);
          if (process.env["DIE_IN"] === `${step}`)
            process.kill(process.pid, "SIGKILL");
          return step;
        }),
      );
    return done;
  },
);

const deadline = Date.now() + 60_000;
process.once("message", async (event) => {
  const answer = await handler(
    // What the service sends.
    event as never,
    { getRemainingTimeInMillis: () => deadline - Date.now() } as never,
  );
  process.send?.(answer, () => process.exit());
});
