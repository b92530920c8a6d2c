import {
  type DurableContext,
  withDurableExecution,
} from "@aws/durable-execution-sdk-js";
import { LambdaClient } from "@aws-sdk/client-lambda";
import {
  type DurableEvent,
  type LocalDurable,
  type StartDurableOptions,
  startDurable,
} from "../src/index.ts";

/** What a durable function does with its event; `crash` ends the invocation as the death of its process does. */
export type Program = (
  event: never,
  context: DurableContext,
  crash: (error: Error) => Promise<never>,
) => unknown;

export function lambdaClientOf(durable: {
  readonly url: string;
}): LambdaClient {
  return new LambdaClient({
    region: "us-east-1",
    endpoint: durable.url,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
}

/** Runs a program in this process, under the SDK of the service. */
export async function durableOf(
  program: Program,
  options: Partial<StartDurableOptions> = {},
  onEvent: (event: DurableEvent) => void = () => {},
): Promise<LocalDurable> {
  const durable = await startDurable({
    invoke: (event, { context }) => {
      onEvent(event);
      const { promise, reject } = Promise.withResolvers<never>();
      const crash = (error: Error) => {
        reject(error);
        // Nothing comes after a death.
        return new Promise<never>(() => {});
      };
      const handler = withDurableExecution(
        async (input, durableContext) =>
          program(input as never, durableContext, crash),
        { client },
      );
      // The runtime's context has what the SDK reads; the type has what Lambda once had, too.
      return Promise.race([handler(event as never, context as never), promise]);
    },
    skipTime: true,
    ...options,
  });
  const client = lambdaClientOf(durable);
  return durable;
}
