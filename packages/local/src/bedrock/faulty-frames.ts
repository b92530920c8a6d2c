import type { Fault } from "./fault.ts";
import { errorFrame, eventFrame, exceptionFrame, GARBAGE } from "./frames.ts";
import type { StreamEvent } from "./types.ts";

/** What stops a stream, and after how many events. */
interface Interruption {
  readonly afterEvents: number;
  /** The last bytes, made of the frame that would have come next. */
  readonly bytes?: (next: Uint8Array) => Uint8Array;
  readonly ending: "end" | "cut";
}

export type Piece =
  | { readonly kind: "event"; readonly bytes: Uint8Array }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

/** The frames of a stream with its fault applied; returns how the stream ends. */
export async function* faultyFrames(
  events: AsyncIterable<StreamEvent>,
  fault: Fault,
): AsyncGenerator<Piece, "end" | "cut"> {
  const interruption = interruptionOf(fault);
  let sent = 0;
  for await (const event of events) {
    if (fault.withoutMetadata === true && event.type === "metadata") continue;
    const bytes = eventFrame(event.type, event.payload);
    if (interruption !== undefined && sent >= interruption.afterEvents)
      return yield* interrupt(interruption, bytes);
    yield { kind: "event", bytes };
    sent++;
  }
  return interruption === undefined
    ? "end"
    : yield* interrupt(interruption, new Uint8Array());
}

async function* interrupt(
  { bytes, ending }: Interruption,
  next: Uint8Array,
): AsyncGenerator<Piece, "end" | "cut"> {
  if (bytes !== undefined) yield { kind: "bytes", bytes: bytes(next) };
  return ending;
}

function interruptionOf(fault: Fault): Interruption | undefined {
  const { cut, streamError, errorFrame: failed } = fault;
  if (fault.emptyStream === true) return { afterEvents: 0, ending: "end" };
  if (streamError !== undefined)
    return {
      afterEvents: streamError.afterEvents ?? 0,
      bytes: () =>
        exceptionFrame(lowerFirst(streamError.name), {
          message: streamError.message ?? `${streamError.name} (local fault)`,
          ...streamError.extra,
        }),
      ending: "end",
    };
  if (failed !== undefined)
    return {
      afterEvents: failed.afterEvents ?? 0,
      bytes: () =>
        errorFrame(
          failed.code,
          failed.message ?? `${failed.code} (local fault)`,
        ),
      ending: "end",
    };
  if (fault.endAfterEvents !== undefined)
    return { afterEvents: fault.endAfterEvents, ending: "end" };
  if (fault.garbage === true)
    return {
      afterEvents: fault.afterEvents ?? 0,
      bytes: () => GARBAGE,
      ending: cut === undefined ? "end" : "cut",
    };
  if (cut === "headers") return { afterEvents: 0, ending: "cut" };
  if (cut === "after")
    return { afterEvents: Number.POSITIVE_INFINITY, ending: "cut" };
  if (cut === "body")
    return {
      afterEvents: fault.afterEvents ?? 1,
      ...(fault.midFrame === true && {
        bytes: (next) => next.subarray(0, next.length >> 1),
      }),
      ending: "cut",
    };
  return undefined;
}

/** On the wire an exception's name begins with a small letter. */
export function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
