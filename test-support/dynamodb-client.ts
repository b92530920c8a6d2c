import {
  type AttributeValue,
  type BatchWriteItemCommandInput,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  type WriteRequest,
} from "@aws-sdk/client-dynamodb";

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface FaultRates {
  /** Shares of the attempts, from 0 to 1. */
  readonly lostRequests?: number;
  readonly lostReplies?: number;
  readonly throttled?: number;
}

export function errorOf(name: string, facts: object = {}): Error {
  return Object.assign(new Error(`injected: ${name}`), { name, ...facts });
}

const connectionLost = () => errorOf("Error", { code: "ECONNRESET" });

/** Requests may wait for a connection as long as the machine needs: the SDK is not to print that they do. */
export const PATIENT = {
  requestHandler: { socketAcquisitionWarningTimeout: 3_600_000 },
} as const satisfies DynamoDBClientConfig;

/** A client without retries of its own. */
export function plainClient(config: DynamoDBClientConfig): DynamoDBClient {
  return new DynamoDBClient({ ...PATIENT, ...config, maxAttempts: 1 });
}

/** Faults at the network, inside the SDK's own retries: a reply is lost after the service has done what it was asked. */
export function injectFaults(
  client: DynamoDBClient,
  random: () => number,
  { lostRequests = 0, lostReplies = 0, throttled = 0 }: FaultRates,
): DynamoDBClient {
  client.middlewareStack.add(
    (next) => async (args) => {
      const draw = random();
      if (draw < lostRequests) throw connectionLost();
      if (draw < lostRequests + throttled)
        throw errorOf("ThrottlingException", {
          $metadata: { httpStatusCode: 400 },
        });
      const output = await next(args);
      if (draw < lostRequests + throttled + lostReplies) throw connectionLost();
      return output;
    },
    { step: "deserialize", priority: "high", name: "faults" },
  );
  return client;
}

/** Lets requests of one action fail in this way as long as the function gives an error; it is told how many there were. */
export function failAction(
  client: DynamoDBClient,
  action: string,
  errorFor: (request: number) => Error | undefined,
): DynamoDBClient {
  let requests = 0;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      if (context["commandName"] !== `${action}Command`) return next(args);
      requests += 1;
      const error = errorFor(requests);
      if (error) throw error;
      return next(args);
    },
    { step: "deserialize", priority: "high", name: `fail${action}` },
  );
  return client;
}

/** Leaves a part of every batch unprocessed, as a busy table does. */
export function leaveUnprocessed(
  client: DynamoDBClient,
  processed: (batch: number, size: number) => number,
): DynamoDBClient {
  let batches = 0;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      if (context["commandName"] !== "BatchWriteItemCommand") return next(args);
      // The action says what its input is.
      const input = args.input as BatchWriteItemCommandInput;
      const [[tableName, requests] = ["", []]] = Object.entries(
        input.RequestItems ?? {},
      );
      batches += 1;
      const count = processed(batches, requests.length);
      const rest: WriteRequest[] = requests.slice(count);
      const left = rest.length > 0 ? { [tableName]: rest } : {};
      if (count === 0)
        return {
          response: {},
          output: { $metadata: {}, UnprocessedItems: left },
        };
      const result = await next({
        ...args,
        input: {
          ...input,
          RequestItems: { [tableName]: requests.slice(0, count) },
        },
      });
      Object.assign(result.output, { UnprocessedItems: left });
      return result;
    },
    { step: "initialize", name: "unprocessed" },
  );
  return client;
}

/** Takes the item that refused a write out of the error, as engines do that give none. */
export function withholdRefusingItems(client: DynamoDBClient): DynamoDBClient {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        Reflect.deleteProperty(Object(error), "Item");
        throw error;
      }
    },
    { step: "initialize", name: "noRefusingItems" },
  );
  return client;
}

/** Gives refused writes the item that refused them, as the service does and dynalite does not. */
export function returnRefusingItems(
  client: DynamoDBClient,
  config: DynamoDBClientConfig,
): DynamoDBClient {
  const reader = plainClient(config);
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        // Only these are read, and only writes have them.
        const input = args.input as WriteInput;
        if (
          !(error instanceof Error) ||
          error.name !== "ConditionalCheckFailedException" ||
          Object(error).Item ||
          input.ReturnValuesOnConditionCheckFailure !== "ALL_OLD"
        )
          throw error;
        const { PK, SK } = input.Key ?? input.Item ?? {};
        const { Item } = await reader.send(
          new GetItemCommand({
            TableName: input.TableName,
            // Every table of the suite has these keys.
            Key: { PK, SK } as Record<string, AttributeValue>,
            ConsistentRead: true,
          }),
        );
        throw Object.assign(error, { Item });
      }
    },
    { step: "initialize", name: "refusingItems" },
  );
  return client;
}

interface WriteInput {
  readonly TableName?: string;
  readonly Key?: Record<string, AttributeValue>;
  readonly Item?: Record<string, AttributeValue>;
  readonly ReturnValuesOnConditionCheckFailure?: string;
}

/** A request as it was sent, one for each attempt of the store. */
export interface RecordedRequest {
  /** As in IAM, such as `PutItem`. */
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** What the service says that it cost; 0 for one that failed. */
  capacityUnits: number;
}

/** Writes whatever is there already: what a store would be without its conditions. */
export function withoutConditions(client: DynamoDBClient): DynamoDBClient {
  client.middlewareStack.add(
    (next) => async (args) => {
      const { ConditionExpression: _, ...input } = {
        ConditionExpression: undefined,
        ...args.input,
      };
      // Without one of its optional members.
      return next({ ...args, input: input as typeof args.input });
    },
    { step: "initialize", name: "withoutConditions" },
  );
  return client;
}

/** Writes down every request, and has the service say what it costs. */
export function recordRequests(client: DynamoDBClient): RecordedRequest[] {
  const requests: RecordedRequest[] = [];
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const input = { ...args.input, ReturnConsumedCapacity: "TOTAL" };
      const request: RecordedRequest = {
        action: String(context["commandName"]).replace(/Command$/, ""),
        input: { ...args.input },
        capacityUnits: 0,
      };
      requests.push(request);
      const result = await next({ ...args, input });
      const consumed: unknown = Reflect.get(
        Object(result.output),
        "ConsumedCapacity",
      );
      for (const { CapacityUnits } of [consumed].flat().map(Object))
        request.capacityUnits += CapacityUnits ?? 0;
      return result;
    },
    { step: "initialize", name: "record" },
  );
  return requests;
}
