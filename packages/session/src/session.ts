import {
  type CallOptions,
  ConfigurationError,
  type ContentBlock,
  type ConverseRequest,
  type Message,
  type ModelResponse,
  type TextStream,
} from "@lambdallm/core";
import {
  check,
  checkMessages,
  type Invocation,
  invocationOf,
  invokeOptionChecks,
  streamText,
  textAnswer,
  validateOptions,
} from "@lambdallm/core/feature";
import type { SessionMessage } from "@lambdallm/core/stores";
import { Delivery } from "./delivery.ts";
import { invocationEnded, withGrace } from "./ending.ts";
import { History } from "./history.ts";
import { Metadata, type SessionMetadata } from "./metadata.ts";
import { type SessionOptions, sessionSettings } from "./options.ts";
import { PromptHistory } from "./prompt-history.ts";
import type { Repair } from "./repair-problem.ts";
import { checkSize } from "./size.ts";
import { snapshot } from "./snapshot.ts";
import { StoreAccess } from "./store-access.ts";
import { describe } from "./summary-text.ts";
import { UNLIMITED } from "./time-limit.ts";
import { Turns } from "./turns.ts";

/** A text, or content blocks: images, documents, tool results. */
export type MessageContent = string | readonly ContentBlock[];

/** What `session.converse` takes beside the message. */
export type SessionConverseOptions = Omit<ConverseRequest, "messages">;

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
  readonly #history: History;
  readonly #prompt: PromptHistory;
  readonly #metadata: Metadata;
  readonly #turns: Turns;
  #savesLater = false;
  /** Aborted at the end of the invocation. */
  readonly #closing = new AbortController();
  /** Of what has all the time of the invocation. */
  readonly #never = new AbortController().signal;

  /** @throws {ConfigurationError} naming the option that is missing, unknown or wrong. */
  constructor(options: SessionOptions) {
    const { store, id, tenant, memory, conflict, ttlMs, ...request } =
      sessionSettings(options);
    this.id = id;
    this.tenant = tenant;
    const invocation = request.context && invocationOf(request.context);
    this.#invocation = invocation;
    const closing = this.#closing.signal;
    this.#history = new History({
      closing,
      access: new StoreAccess({
        store: store.sessions,
        key: { tenantId: tenant, sessionId: id },
        ttlMs,
        limit: invocation ?? UNLIMITED,
      }),
      conflict,
      invocation,
    });
    this.#prompt = new PromptHistory(this.#history, memory);
    this.#metadata = new Metadata(this.#history);
    this.#turns = new Turns({
      closing,
      history: this.#history,
      metadata: this.#metadata,
      prompt: this.#prompt,
      memory,
      delivery: new Delivery({ ...request, invocation }),
    });
    this.#invocation?.addFinalizer(() => this.#end());
  }

  /**
   * The messages that were read, oldest first, as they are stored, and those that were added. How far back they go depends on
   * the memory strategy.
   *
   * @throws {ConfigurationError} before `load()`.
   */
  get messages(): readonly SessionMessage[] {
    this.#mustBeRead("messages", this.#history.reads > 0);
    return [...this.#history.messages, ...this.#history.unsaved.all];
  }

  /**
   * What else is kept of the session: any JSON. Change its fields or replace it, then `save()`.
   *
   * @throws {ConfigurationError} when it is read before `load()`.
   */
  get metadata(): SessionMetadata {
    this.#mustBeRead("metadata", this.#metadata.isRead);
    return this.#metadata.value;
  }

  set metadata(metadata: SessionMetadata) {
    this.#metadata.value = metadata;
  }

  /** Whether `save()` has something to do. */
  get isModified(): boolean {
    return this.#history.unsaved.all.length > 0 || this.#metadata.isModified;
  }

  /** What had to be left out of the stored messages so that a model takes them. The store is not changed. */
  get repairs(): readonly Repair[] {
    return this.#prompt.repairs;
  }

  /**
   * Reads the session, unless that was done before.
   *
   * @throws {StoreError} The store failed.
   */
  async load(): Promise<void> {
    await this.#prompt.load(this.#closing.signal);
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
    this.#history.unsaved.add(messageOf("addMessage", role, content));
  }

  /**
   * Stores what was added and changed, if anything was.
   *
   * @throws {StoreError} The store failed.
   * @throws {SessionConflictError} Somebody else has written, and the mode is `reject`; a second `save()` writes after them.
   */
  async save(): Promise<void> {
    await this.#withGrace("save", (signal) => this.#save(signal));
  }

  async #save(signal: AbortSignal): Promise<void> {
    if (this.#metadata.isModified) await this.#saveMetadata(signal);
    await this.#turns.save(signal);
  }

  /**
   * `save()` at the end of a handler. A turn that is still running may be the response, which cannot begin before this
   * returns: what it does not take along is stored behind it, at the end of the invocation.
   *
   * @internal
   */
  async saveAtEnd(): Promise<void> {
    if (!this.#turns.areRunning) return this.save();
    this.#savesLater = true;
    if (this.#metadata.isModified)
      await this.#withGrace("save", (signal) => this.#saveMetadata(signal));
  }

  async #saveMetadata(signal: AbortSignal): Promise<void> {
    await this.#prompt.load(signal);
    await this.#metadata.save(signal);
  }

  /** The part of the history that the next message is sent with: by the memory strategy, repaired, without the summary. */
  async getHistory(): Promise<readonly Message[]> {
    await this.load();
    const history = this.#history;
    const model = this.#invocation?.defaults.model ?? "of no provider";
    const { signal } = this.#closing;
    for (;;) {
      const { turns, unsaved } = history;
      const chosen = this.#prompt.choose(turns, unsaved.all, { model });
      if (chosen !== undefined) return chosen;
      const { length } = history.messages;
      const load = () => history.loadOlder(length, signal);
      await this.#turns.between(load, signal);
    }
  }

  /** `getHistory()` as text, the summary first. Images and the like are named. */
  async formatHistory(): Promise<string> {
    const messages = await this.getHistory();
    const { summary } = this.#history;
    const lines = messages.map(
      ({ role, content }) =>
        `${role === "user" ? "User" : "Assistant"}: ${describe(content)}`,
    );
    return [...(summary ? [`Summary: ${summary.text}`] : []), ...lines].join(
      "\n",
    );
  }

  /** Deletes the session from the store, and what was not saved. */
  async clear(): Promise<void> {
    await this.#withGrace("delete", (signal) => this.#turns.clear(signal));
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
    return this.#turns.take(invocation, question, options);
  }

  #tracked<T>(
    method: string,
    run: (invocation: Invocation) => Promise<T>,
  ): Promise<T> {
    if (this.#invocation === undefined) return Promise.reject(noModel(method));
    const invocation = this.#invocation;
    return invocation.track(() => run(invocation));
  }

  #withGrace<T>(
    operation: string,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withGrace(this.#closing.signal, operation, run);
  }

  #mustBeRead(what: string, isRead: boolean): void {
    if (!isRead)
      throw new ConfigurationError(
        `session.${what}: the session has not been read yet. Call await session.load() before.`,
      );
  }

  /** Otherwise saving belongs to promises that somebody awaits; here it is only said when that was forgotten. */
  async #end(): Promise<void> {
    this.#closing.abort(invocationEnded());
    await this.#turns.between(async () => {}, this.#never);
    if (this.#savesLater) await this.#save(this.#never);
    if (this.isModified)
      process.emitWarning(
        "A session was changed and not saved: call await session.save().",
        "LambdaLLMWarning",
      );
  }
}

function noModel(method: string): ConfigurationError {
  return new ConfigurationError(
    `${method}: this session has no model. Give new Session() the option "context", the context of a handler behind .use(bedrock()).`,
  );
}

function messageOf(
  method: string,
  role: "user" | "assistant",
  given: MessageContent,
): Message {
  const isEmpty =
    typeof given === "string"
      ? given.trim() === ""
      : !Array.isArray(given) || given.length === 0;
  if (isEmpty)
    throw new ConfigurationError(
      `${method}: the message must be a text that is not blank, or a list of content blocks.`,
    );
  const content = typeof given === "string" ? [{ text: given }] : given;
  const message = snapshot({ role, content }, `${method}: messages[0]`);
  checkMessages(method, [message]);
  checkSize(`${method}: messages[0].content`, [message]);
  return message;
}
