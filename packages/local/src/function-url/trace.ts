import { randomBytes } from "node:crypto";

/** The root of the trace that a caller has begun, or of a new one, as X-Ray writes it. */
export function traceRoot(sent = ""): string {
  const [root] = /Root=1-[0-9a-f]{8}-[0-9a-f]{24}/.exec(sent) ?? [];
  return root ?? `Root=1-${seconds()}-${hex(12)}`;
}

/** What the function and its caller are told of a trace; nothing is ever sampled here. */
export function traceOf(root: string): string {
  return `${root};Parent=${hex(8)};Sampled=0`;
}

function seconds(): string {
  return Math.floor(Date.now() / 1000).toString(16);
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}
