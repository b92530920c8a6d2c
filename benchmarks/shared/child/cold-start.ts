/** A fresh process: loads the bundle named on the command line, answers one event, and says what that cost. */
import { createContext, createEvent, type LambdaHandler } from "../event.ts";

const [, , bundle = ""] = process.argv;
// Every bundle exports one.
const { handler } = (await import(bundle)) as { handler: LambdaHandler };
const { statusCode, body } = await handler(createEvent(), createContext());
const { user, system } = process.cpuUsage();
const cpuMs = (user + system) / 1_000;
process.stdout.write(`${JSON.stringify({ cpuMs, statusCode, body })}\n`);
