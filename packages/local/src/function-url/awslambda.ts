import type { Writable } from "node:stream";

/** Marks a handler that writes its answer to a stream. */
export const STREAMING: symbol = Symbol.for(
  "aws.lambda.runtime.handler.streaming",
);
const HIGH_WATER_MARK = Symbol.for(
  "aws.lambda.runtime.handler.streaming.highWaterMark",
);

/** The content type of a stream that begins with a JSON prelude and eight zero bytes. */
export const PRELUDE_CONTENT_TYPE =
  "application/vnd.awslambda.http-integration-response";
export const PRELUDE_END: Uint8Array = new Uint8Array(8);

/** The second argument of a streaming handler. */
export interface LambdaResponseStream extends Writable {
  setContentType(contentType: string): void;
  /** The runtime's own hook: called before the first `write` with a function that writes; `end` does not call it. */
  _onBeforeFirstWrite?:
    | ((write: (chunk: string | Uint8Array) => void) => void)
    | undefined;
}

/** Status, headers and cookies of a streamed answer. */
export interface ResponsePrelude {
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly cookies?: readonly string[];
}

/** The global object that Lambda's runtime offers to streaming handlers. */
export interface Awslambda {
  streamifyResponse<T extends (...parameters: never[]) => unknown>(
    handler: T,
    options?: { readonly highWaterMark?: number },
  ): T;
  readonly HttpResponseStream: {
    from(
      stream: LambdaResponseStream,
      prelude: ResponsePrelude,
    ): LambdaResponseStream;
  };
}

const awslambda: Awslambda = {
  streamifyResponse(handler, options) {
    const marks: Record<symbol, unknown> = { [STREAMING]: "response" };
    if (options?.highWaterMark !== undefined)
      marks[HIGH_WATER_MARK] = Number.parseInt(
        String(options.highWaterMark),
        10,
      );
    return Object.assign(handler, marks);
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(PRELUDE_CONTENT_TYPE);
      const json = JSON.stringify(prelude);
      stream._onBeforeFirstWrite = (write) => {
        write(json);
        write(PRELUDE_END);
      };
      return stream;
    },
  },
};

/**
 * Sets the global `awslambda` as Lambda's runtime does. Call it before the module with a streaming handler is loaded.
 * Members that are there already are left alone.
 *
 * @example
 * ```ts
 * import { installAwslambda, startFunctionUrl } from "@lambdallm/local";
 *
 * installAwslambda();
 * const { handler } = await import("./handler.ts");
 * const { url } = await startFunctionUrl(handler);
 * ```
 */
export function installAwslambda(): void {
  const target = globalThis as { awslambda?: object };
  // The AWS SDK makes this object, too, for its invoke store: neither may replace the other's.
  target.awslambda ??= {};
  Object.assign(target.awslambda, { ...awslambda, ...target.awslambda });
}

export function isStreaming(handler: object): boolean {
  return Reflect.get(handler, STREAMING) === "response";
}

export function highWaterMarkOf(handler: object): number | undefined {
  const mark: unknown = Reflect.get(handler, HIGH_WATER_MARK);
  return typeof mark === "number" && mark > 0 ? mark : undefined;
}
