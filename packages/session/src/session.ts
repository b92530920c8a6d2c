import {
  type CallOptions,
  ConfigurationError,
  type ConverseRequest,
  type Message,
  type ModelResponse,
  type TextStream,
} from "@lambdallm/core";
import {
  check,
  type Invocation,
  invocationOf,
  invokeOptionChecks,
  streamText,
  textAnswer,
  validateOptions,
} from "@lambdallm/core/feature";
import type { SessionMessage } from "@lambdallm/core/stores";
import { Delivery } from "./delivery.ts";
import { type MessageContent, messageOf } from "./message.ts";
import type { SessionMetadata } from "./metadata.ts";
import { openSession, type SessionParts } from "./open-session.ts";
import { type SessionOptions, sessionSettings } from "./options.ts";
import type { Repair } from "./repair-problem.ts";
import { inWords } from "./summary-text.ts";

/** What `session.converse` takes beside the message. */
export type SessionConverseOptions = Omit<ConverseRequest, "messages">;

export interface SaveOptions {
  /**
   * What is stored under it is stored once, also in another invocation, as long as it is in the part of the history that is read;
   * other messages under the same key are stored, too. @default the request's own
   */
  readonly idempotencyKey?: string | undefined;
}

const saveChecks = { idempotencyKey: check.text };

/** The turn needs these itself; `context.converse` checks the others. */
const observers = {
  onDelta: check.function,
  onResponse: check.function,
  signal: check.signal,
};

/**
 * A conversation that is kept in a store. It is read when it is first needed, and never before.
 *
 * @example
 * const session = new Session({ store: dynamoDBStore({ tableName }), id: "support-4711" });
 * await session.load();
 * session.addMessage("user", "Hello");
 * await session.save();
 */
export class Session {
  readonly id: string;
  readonly tenant: string;

  readonly #invocation: Invocation | undefined;
  readonly #parts: SessionParts;

  /** @throws {ConfigurationError} naming the option that is missing, unknown or wrong. */
  constructor(options: SessionOptions) {
    const settings = sessionSettings(options);
    const { id, tenant, context } = settings;
    this.id = id;
    this.tenant = tenant;
    this.#invocation = context && invocationOf(context);
    this.#parts = openSession(settings, this.#invocation);
    this.#invocation?.addFinalizer(() => this.#parts.saving.end());
  }

  /**
   * The messages that were read, oldest first, as they are stored, and those that were added. How far back they go depends on
   * the memory strategy.
   *
   * @throws {ConfigurationError} before `load()`.
   */
  get messages(): readonly SessionMessage[] {
    const { history } = this.#parts;
    this.#mustBeRead("messages", history.reads > 0);
    return [...history.messages, ...history.unsaved.all];
  }

  /**
   * What else is kept of the session: any JSON. Change its fields or replace it, then `save()`.
   *
   * @throws {ConfigurationError} when it is read before `load()`.
   */
  get metadata(): SessionMetadata {
    const { metadata } = this.#parts;
    this.#mustBeRead("metadata", metadata.isRead);
    return metadata.value;
  }

  set metadata(metadata: SessionMetadata) {
    this.#parts.metadata.value = metadata;
  }

  /** Whether `save()` has something to do. */
  get isModified(): boolean {
    return this.#parts.saving.isModified;
  }

  /** What had to be left out of the stored messages so that a model takes them. The store is not changed. */
  get repairs(): readonly Repair[] {
    return this.#parts.prompt.repairs;
  }

  /**
   * Reads the session, unless that was done before.
   *
   * @throws {StoreError} The store failed.
   */
  async load(): Promise<void> {
    const { prompt, closing } = this.#parts;
    await prompt.load(closing.signal);
  }

  /**
   * Adds a message, which `save()` or the next `chat` stores.
   *
   * @throws {ConfigurationError} The role or the content is wrong.
   */
  addMessage(role: "user" | "assistant", content: MessageContent): void {
    if (role !== "user" && role !== "assistant")
      throw new ConfigurationError(
        'addMessage: the role must be "user" or "assistant".',
      );
    const message = messageOf("addMessage", role, content);
    this.#parts.history.unsaved.add(message);
  }

  /**
   * Stores what was added and changed, if anything was.
   *
   * @throws {StoreError} The store failed.
   * @throws {SessionConflictError} Somebody else has written, and the mode is `reject`; a second `save()` writes after them.
   */
  async save(options: SaveOptions = {}): Promise<void> {
    validateOptions("session.save", saveChecks, options);
    const { idempotencyKey } = options;
    const delivery =
      idempotencyKey === undefined
        ? undefined
        : new Delivery({ invocation: this.#invocation, idempotencyKey });
    await this.#parts.saving.save(delivery);
  }

  /**
   * `save()` at the end of a handler. A turn that is still running may be the response, which cannot begin before this
   * returns: what it does not take along is stored behind it, at the end of the invocation.
   *
   * @internal
   */
  async saveAtEnd(): Promise<void> {
    await this.#parts.saving.saveAtEnd();
  }

  /** The part of the history that the next message is sent with: by the memory strategy, repaired, without the summary. */
  async getHistory(): Promise<readonly Message[]> {
    await this.load();
    const { history, prompt, turns, closing } = this.#parts;
    const { signal } = closing;
    const model = this.#invocation?.defaults.model ?? "of no provider";
    for (;;) {
      const added = history.unsaved.all;
      const chosen = prompt.choose(history.turns, added, { model });
      if (chosen !== undefined) return chosen;
      const { length } = history.messages;
      const load = () => history.loadOlder(length, signal);
      await turns.between(load, signal);
    }
  }

  /** `getHistory()` as text, the summary first. Images and the like are named. */
  async formatHistory(): Promise<string> {
    const messages = await this.getHistory();
    return inWords(messages, this.#parts.history.summary);
  }

  /** Deletes the session from the store, and what was not saved. */
  async clear(): Promise<void> {
    await this.#parts.saving.clear();
  }

  /**
   * Sends a message with the history, and stores both the message and the answer as one turn before it returns.
   *
   * @returns The answer's text.
   * @throws {StoreError} The store failed.
   * @throws {SessionConflictError} Somebody else has written, and the mode is `reject`.
   * @throws {ModelInvocationError | InvocationTimeoutError | GuardrailError} as `context.invoke`. An answer that broke off
   * is stored with what had arrived of it.
   */
  chat(content: MessageContent, options: CallOptions = {}): Promise<string> {
    return this.#tracked("chat", async (invocation) => {
      validateOptions("chat", invokeOptionChecks, options);
      const response = await this.#turn(invocation, "chat", content, options);
      return textAnswer(invocation, response).text;
    });
  }

  /** Like `chat`, but the text arrives while it is written. The turn is stored before the iteration ends. */
  chatStream(content: MessageContent, options: CallOptions = {}): TextStream {
    return streamText(options.signal, async (settings) => {
      const invocation = this.#invocation;
      if (invocation === undefined) throw noModel("chatStream");
      validateOptions("chatStream", invokeOptionChecks, options);
      const response = await this.#turn(invocation, "chatStream", content, {
        ...options,
        ...settings,
      });
      return textAnswer(invocation, response);
    });
  }

  /**
   * Like `chat`, with tools and whatever else `context.converse` takes. Returns the whole response, whatever its
   * `stopReason`; send the results of tools in the next call.
   */
  converse(
    content: MessageContent,
    options: SessionConverseOptions = {},
  ): Promise<ModelResponse> {
    const { onDelta, onResponse, signal } = options;
    return this.#tracked("session.converse", async (invocation) => {
      const given = { onDelta, onResponse, signal };
      validateOptions("session.converse", observers, given);
      return this.#turn(invocation, "session.converse", content, options);
    });
  }

  async #turn(
    invocation: Invocation,
    method: string,
    content: MessageContent,
    options: SessionConverseOptions,
  ): Promise<ModelResponse> {
    const question = messageOf(method, "user", content);
    return this.#parts.turns.take(invocation, question, options);
  }

  #tracked<T>(
    method: string,
    run: (invocation: Invocation) => Promise<T>,
  ): Promise<T> {
    if (this.#invocation === undefined) return Promise.reject(noModel(method));
    const invocation = this.#invocation;
    return invocation.track(() => run(invocation));
  }

  #mustBeRead(what: string, isRead: boolean): void {
    if (!isRead)
      throw new ConfigurationError(
        `session.${what}: the session has not been read yet. Call await session.load() before.`,
      );
  }
}

function noModel(method: string): ConfigurationError {
  return new ConfigurationError(
    `${method}: this session has no model. Give new Session() the option "context", the context of a handler behind .use(bedrock()).`,
  );
}
