import { ModelInvocationError } from "@lambdallm/core";
import type {
  CallOperation,
  Operation,
  OperationOutcome,
  OperationResults,
  ToolOperation,
} from "@lambdallm/core/feature";
import { isThenable, warn, within } from "@lambdallm/core/feature";
import type { Attributes, Span } from "@opentelemetry/api";
import {
  type ChatMessage,
  chatMessages,
  instructionParts,
  type MessagePart,
  type OutputMessage,
  outputMessage,
  toolDefinitions,
  toolResponse,
} from "./messages.ts";
import {
  INPUT_MESSAGES,
  OUTPUT_MESSAGES,
  SYSTEM_INSTRUCTIONS,
  TOOL_CALL_ARGUMENTS,
  TOOL_CALL_RESULT,
  TOOL_DEFINITIONS,
} from "./semconv.ts";

/** What a model was told, and what it has said, in the shapes of the conventions. */
export interface CallContent {
  readonly instructions?: readonly MessagePart[] | undefined;
  readonly input?: readonly ChatMessage[] | undefined;
  /** Empty when the call has failed before anything came. */
  readonly output?: readonly OutputMessage[] | undefined;
}

/** What it returns, or promises, is recorded on the span; undefined is nothing. */
export type CaptureContent = (
  content: Required<CallContent> & {
    /** Of the call. It need not be recorded: the function is called whatever the sampling. */
    readonly span: Span;
  },
) => CallContent | undefined | Promise<CallContent | undefined>;

interface Pending {
  readonly settled: Promise<void>;
  readonly giveUp: () => void;
}

/** Ends spans, with what was said where somebody has asked for it. */
export class ContentCapture {
  readonly #option: CaptureContent | boolean;
  readonly #pending = new Set<Pending>();
  #hasFailed = false;

  constructor(option: CaptureContent | boolean) {
    this.#option = option;
  }

  endCall(
    span: Span,
    operation: CallOperation,
    outcome: OperationOutcome,
  ): void {
    const option = this.#option;
    if (typeof option === "function") {
      this.#ask(option, span, contentOf(operation, outcome));
      return;
    }
    if (option && span.isRecording()) {
      const { tools } = operation.request;
      span.setAttributes({
        ...attributesOf(contentOf(operation, outcome)),
        [TOOL_DEFINITIONS]: tools && json(toolDefinitions(tools)),
      });
    }
    span.end();
  }

  toolAttributes(
    { input }: ToolOperation,
    outcome: OperationOutcome,
  ): Attributes {
    if (this.#option !== true) return {};
    const result = resultOf<"tool">(outcome);
    return {
      [TOOL_CALL_ARGUMENTS]: json(input),
      // The blocks are those of a message.
      [TOOL_CALL_RESULT]:
        result && json(toolResponse(result.content as ToolBlocks)),
    };
  }

  #ask(
    capture: CaptureContent,
    span: Span,
    content: Required<CallContent>,
  ): void {
    const endTime = Date.now();
    const end = (kept?: CallContent) => {
      if (kept !== undefined && span.isRecording())
        span.setAttributes(attributesOf(kept));
      span.end(endTime);
    };
    try {
      const kept = capture({ ...content, span });
      if (isThenable(kept)) this.#wait(kept, end);
      else end(kept);
    } catch (error) {
      this.#failed(error);
      end();
    }
  }

  #wait(
    kept: PromiseLike<CallContent | undefined>,
    end: (kept?: CallContent) => void,
  ): void {
    let isOpen = true;
    const once = (kept?: CallContent) => {
      if (isOpen) end(kept);
      isOpen = false;
      this.#pending.delete(pending);
    };
    const settled = Promise.resolve(kept)
      .then(once)
      .catch((error: unknown) => {
        this.#failed(error);
        once();
      });
    const pending = { settled, giveUp: once };
    this.#pending.add(pending);
  }

  /** Waits for what the functions have promised, at most this long. Their spans end then all the same. */
  async settle(limitMs: number): Promise<void> {
    if (this.#pending.size === 0) return;
    const pending = [...this.#pending];
    const onTimeUp = () => {
      this.#failed(`it took longer than ${Math.round(limitMs)} ms`);
      for (const { giveUp } of pending) giveUp();
    };
    await within({ limitMs, onTimeUp }, async () => {
      await Promise.all(pending.map(({ settled }) => settled));
    });
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    warn("tracing: captureContent failed", error);
  }
}

type ToolBlocks = Parameters<typeof toolResponse>[0];

/** Results that are no JSON have none here either. */
function json(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

const attributesOf = ({
  instructions,
  input,
  output,
}: CallContent): Attributes => ({
  [SYSTEM_INSTRUCTIONS]: instructions?.length ? json(instructions) : undefined,
  [INPUT_MESSAGES]: input && json(input),
  [OUTPUT_MESSAGES]: output?.length ? json(output) : undefined,
});

function contentOf(
  { request }: CallOperation,
  outcome: OperationOutcome,
): Required<CallContent> {
  return {
    instructions: instructionParts(request.system ?? []),
    input: chatMessages(request.messages),
    output: outputOf(outcome),
  };
}

function outputOf(outcome: OperationOutcome): OutputMessage[] {
  const response = resultOf<"call">(outcome);
  if (response !== undefined)
    return [outputMessage(response.message, response.stopReason)];
  const error = "error" in outcome ? outcome.error : undefined;
  if (!ModelInvocationError.isInstance(error)) return [];
  const { partial } = error;
  return partial === undefined ? [] : [outputMessage(partial.message, "error")];
}

/** The operation's kind says what its result is. */
function resultOf<Kind extends Operation["kind"]>(
  outcome: OperationOutcome,
): OperationResults[Kind] | undefined {
  return ("result" in outcome ? outcome.result : undefined) as
    | OperationResults[Kind]
    | undefined;
}
