import { EventStreamCodec } from "@smithy/eventstream-codec";
import { toWire } from "./wire-json.ts";

/** It only writes here: the first function, which reads texts, is never called. */
const codec = new EventStreamCodec(String, (text) => Buffer.from(text, "utf8"));

function frame(headers: Record<string, string>, body: string): Uint8Array {
  return codec.encode({
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        { type: "string" as const, value },
      ]),
    ),
    body: Buffer.from(body, "utf8"),
  });
}

export function eventFrame(type: string, payload: unknown): Uint8Array {
  return frame(
    {
      ":event-type": type,
      ":content-type": "application/json",
      ":message-type": "event",
    },
    JSON.stringify(toWire(payload)),
  );
}

export function exceptionFrame(
  name: string,
  payload: Readonly<Record<string, unknown>>,
): Uint8Array {
  return frame(
    {
      ":exception-type": name,
      ":content-type": "application/json",
      ":message-type": "exception",
    },
    JSON.stringify(payload),
  );
}

/** A failure of the stream itself, outside of the service's own exceptions. */
export function errorFrame(code: string, message: string): Uint8Array {
  return frame(
    {
      ":error-code": code,
      ":error-message": message,
      ":message-type": "error",
    },
    "",
  );
}

/** Long enough to be taken for a frame with a length of four gigabytes. */
export const GARBAGE: Uint8Array = Buffer.alloc(64, 0xff);
