import { Console } from "node:console";
import type { JsonValue } from "@lambdallm/core";
import type { Chunk } from "./metric-groups.ts";
import type { ChunkWriter } from "./outbox.ts";
import { MAX_VALUES, ROOT_KEY } from "./rules.ts";

/** What else stands in a document: CloudWatch makes no metrics of it, and Logs Insights finds it. */
export type Metadata = Readonly<Record<string, JsonValue>>;

export interface DocumentSettings {
  readonly namespace: string;
  readonly metadata: Metadata;
  readonly write: ((line: string) => void) | undefined;
  readonly now: (() => number) | undefined;
}

/** Writes documents of CloudWatch's embedded metric format, each as one line. */
export function documentWriter({
  namespace,
  metadata,
  write = writeLine,
  now = () => Date.now(),
}: DocumentSettings): ChunkWriter {
  return {
    maxValues: MAX_VALUES,
    write: (chunk) =>
      write(JSON.stringify(documentOf(chunk, { namespace, metadata, now }))),
  };
}

export function documentOf(
  { dimensions, sets, metrics }: Chunk,
  {
    namespace,
    metadata,
    now,
  }: Pick<DocumentSettings, "namespace" | "metadata"> & {
    readonly now: () => number;
  },
): object {
  const all = [...metrics.values()];
  return {
    [ROOT_KEY]: {
      Timestamp: Math.trunc(now()),
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          Dimensions: sets,
          Metrics: all.map(({ name, unit, resolution }) => ({
            Name: name,
            Unit: unit,
            ...(resolution === 1 && { StorageResolution: resolution }),
          })),
        },
      ],
    },
    ...metadata,
    ...dimensions,
    // Unlike an assignment, it also takes the name "__proto__".
    ...Object.fromEntries(
      all.map(({ name, values }) => [
        name,
        values.length === 1 ? values[0] : values,
      ]),
    ),
  };
}

let own: Console | undefined;

/** Lambda's runtime wraps what the global console is given, and a document must be alone on its line. */
function writeLine(line: string): void {
  own ??= new Console({ stdout: process.stdout });
  own.log(line);
}
