/** A fresh process: loads the bundle named on the command line, answers one event, and says what that cost. */
import { createContext, createEvent, type LambdaHandler } from "../event.ts";

const cpuMs = (since?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
};

const [, , bundle = ""] = process.argv;
// Every bundle exports one.
const { handler } = (await import(bundle)) as { handler: LambdaHandler };
const loaded = process.cpuUsage();
const called = performance.now();
const { statusCode, body } = await handler(createEvent(), createContext());
const result = {
  cpuMs: cpuMs(),
  firstCallMs: performance.now() - called,
  firstCallCpuMs: cpuMs(loaded),
  statusCode,
  body,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
