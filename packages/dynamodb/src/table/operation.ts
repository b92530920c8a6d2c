import {
  BatchWriteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type ReturnValue,
  UpdateItemCommand,
  type WriteRequest,
} from "@aws-sdk/client-dynamodb";
import { fullJitterMs, sleep, within } from "@lambdallm/core/feature";
import { type Attributes, type Item, toAttributes } from "./attributes.ts";
import { type Expressions, expressionInput } from "./expressions.ts";
import { failureOf } from "./failure.ts";
import type { TableSettings } from "./table-settings.ts";

export interface Key {
  readonly PK: string;
  readonly SK: string;
}

export type WriteOutcome =
  | {
      readonly written: true;
      /** What was asked for by `returning`. */
      readonly item: Item;
    }
  | {
      readonly written: false;
      /** The item that did not meet the condition; left out unless asked for. */
      readonly existing: Item | undefined;
    };

interface Write extends Expressions {
  readonly condition?: string | undefined;
  /** On a refusal, what is there. @default false */
  readonly readRefusal?: boolean | undefined;
}

const FIRST_WAIT_MS = 25;
const LONGEST_WAIT_MS = 1_000;
export const BATCH_SIZE = 25;

/** Items that a batch leaves over were throttled. */
const UNPROCESSED = Object.assign(new Error("UnprocessedItems"), {
  name: "ThrottlingException",
});

/**
 * Requests of one operation of a store, under one deadline. Each may be sent again after a failure, also when it was carried out and
 * only its answer was lost: the conditions make that harmless.
 */
export class Operation {
  readonly name: string;
  readonly #settings: TableSettings;
  readonly #deadline: number;

  constructor(name: string, settings: TableSettings) {
    this.name = name;
    this.#settings = settings;
    this.#deadline = performance.now() + settings.timeoutMs;
  }

  /** Strongly consistent. */
  async get(key: Key): Promise<Item | undefined> {
    const command = new GetItemCommand({
      TableName: this.#settings.tableName,
      Key: toAttributes({ ...key }),
      ConsistentRead: true,
    });
    const { Item } = await this.#send("GetItem", (client, options) =>
      client.send(command, options),
    );
    return Item;
  }

  async put(
    key: Key,
    attributes: Attributes,
    write: Write = {},
  ): Promise<WriteOutcome> {
    const { condition } = write;
    const command = new PutItemCommand({
      TableName: this.#settings.tableName,
      Item: toAttributes({ ...key, ...attributes }),
      ...expressionInput(write, { ConditionExpression: condition }),
      ...onRefusal(write),
    });
    return this.#unlessRefused(key, write, async () => {
      await this.#send("PutItem", (client, options) =>
        client.send(command, options),
      );
      return {};
    });
  }

  async update(
    key: Key,
    write: Write & {
      readonly update: string;
      readonly returning?: ReturnValue;
    },
  ): Promise<WriteOutcome> {
    const { update, condition, returning } = write;
    const command = new UpdateItemCommand({
      TableName: this.#settings.tableName,
      Key: toAttributes({ ...key }),
      ...expressionInput(write, {
        UpdateExpression: update,
        ConditionExpression: condition,
      }),
      ...onRefusal(write),
      ...(returning && { ReturnValues: returning }),
    });
    return this.#unlessRefused(key, write, async () => {
      const { Attributes = {} } = await this.#send(
        "UpdateItem",
        (client, options) => client.send(command, options),
      );
      return Attributes;
    });
  }

  /** Strongly consistent. One page: an empty one may have a next. */
  async query(
    query: Expressions & {
      readonly keys: string;
      readonly newestFirst?: boolean;
      readonly limit?: number;
      /** Attributes, separated by commas. @default all */
      readonly only?: string;
      /** Where the page before it ended. */
      readonly after?: Item | undefined;
    },
  ): Promise<{
    readonly items: readonly Item[];
    readonly next?: Item | undefined;
  }> {
    const { keys, newestFirst = false, limit, only, after } = query;
    const command = new QueryCommand({
      TableName: this.#settings.tableName,
      ConsistentRead: true,
      ScanIndexForward: !newestFirst,
      ...expressionInput(query, {
        KeyConditionExpression: keys,
        ProjectionExpression: only,
      }),
      ...(limit !== undefined && { Limit: limit }),
      ...(after && { ExclusiveStartKey: after }),
    });
    const { Items = [], LastEvaluatedKey } = await this.#send(
      "Query",
      (client, options) => client.send(command, options),
    );
    return { items: Items, next: LastEvaluatedKey };
  }

  /** Deletes the items of these keys, at most `BATCH_SIZE`. */
  async deleteBatch(keys: readonly Item[]): Promise<void> {
    const { tableName } = this.#settings;
    let requests: WriteRequest[] | undefined = keys.map((key) => ({
      DeleteRequest: { Key: key },
    }));
    for (let round = 1; requests?.length; round += 1) {
      const command: BatchWriteItemCommand = new BatchWriteItemCommand({
        RequestItems: { [tableName]: requests },
      });
      const { UnprocessedItems } = await this.#send(
        "BatchWriteItem",
        (client, options) => client.send(command, options),
      );
      requests = UnprocessedItems?.[tableName];
      if (requests?.length && !(await this.#wait(round)))
        throw this.#failure("BatchWriteItem", UNPROCESSED).error;
    }
  }

  /** What is there, when the condition of a write was not met. */
  async #unlessRefused(
    key: Key,
    { readRefusal }: Write,
    write: () => Promise<Item>,
  ): Promise<WriteOutcome> {
    try {
      return { written: true, item: await write() };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const existing = readRefusal
        ? // Engines that do not return it are asked for it.
          (error.Item ?? (await this.get(key)))
        : undefined;
      return { written: false, existing };
    }
  }

  async #send<Output>(
    action: string,
    send: (
      client: DynamoDBClient,
      options: { readonly abortSignal: AbortSignal },
    ) => Promise<Output>,
  ): Promise<Partial<Output>> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const limitMs = this.#deadline - performance.now();
        // A timer never gets its turn beside what answers at once, as stubs do.
        if (limitMs <= 0) onTimeUp();
        const output = await within(
          { limitMs, onTimeUp },
          async (abortSignal) => send(this.#settings.client(), { abortSignal }),
        );
        // Stubs may answer with nothing at all.
        return output ?? {};
      } catch (error) {
        if (isRefusal(error)) throw error;
        const failure = this.#failure(action, error);
        if (!failure.retry || !(await this.#wait(attempt))) throw failure.error;
      }
    }
  }

  #failure(action: string, error: unknown) {
    const { tableName } = this.#settings;
    return failureOf(error, { operation: this.name, action, tableName });
  }

  /** Waits before another attempt, with full jitter. @returns False when the deadline comes first. */
  async #wait(attempt: number): Promise<boolean> {
    const { random } = this.#settings;
    const waitMs = fullJitterMs(attempt, {
      baseMs: FIRST_WAIT_MS,
      capMs: LONGEST_WAIT_MS,
      random,
    });
    if (performance.now() + waitMs >= this.#deadline) return false;
    await sleep(waitMs);
    // Timers can be late, and what has failed tells more than that the time is over.
    return performance.now() < this.#deadline;
  }
}

function onTimeUp(): never {
  throw new DOMException("The time was over.", "AbortError");
}

/** By its name: the client may come from another copy of the SDK. */
function isRefusal(error: unknown): error is { readonly Item?: Item } {
  return Object(error).name === "ConditionalCheckFailedException";
}

const onRefusal = ({ readRefusal }: Write) =>
  readRefusal && { ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const };
