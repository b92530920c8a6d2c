import {
  type Journal,
  LambdaLLMError,
  StepFailure,
  type StepInfo,
  Suspended,
  type ToolUseBlock,
} from "@lambdallm/core";
import {
  compileValidator,
  type Validator,
  within,
} from "@lambdallm/core/feature";
import { decisionOn } from "./approval.ts";
import { READ_RESULT, readResult, shownResult } from "./large-results.ts";
import { errorBlocks, resultBlocks } from "./result-blocks.ts";
import { ROOM } from "./room.ts";
import type { AgentSettings } from "./settings.ts";
import type { Share, SubAgentReply, Surroundings } from "./sub-agent.ts";
import type { AgentTool, ToolWork } from "./tool.ts";
import type { AgentEvent, ToolCallRecord, ToolReply } from "./types.ts";
import { resultTokens } from "./window.ts";

/** A call as the model has asked for it. */
export interface PlannedCall {
  readonly call: ToolUseBlock;
  /** Why it is not made, in words for the model. */
  readonly refusal: string | undefined;
}

interface Place {
  readonly journal: Journal;
  readonly call: ToolUseBlock;
  readonly share: Share;
}

/** Makes the tool calls of a run. Whatever happens in one is a result that the model is told. */
export class ToolCalls {
  readonly #settings: AgentSettings;
  readonly #surroundings: Surroundings;
  readonly #validators: ReadonlyMap<string, Validator>;
  /** By the ids that the model is told. */
  readonly #fullTexts = new Map<string, string>();
  /** How much of each result of the present calls the model gets. */
  #resultTokens = 0;

  private constructor(
    settings: AgentSettings,
    surroundings: Surroundings,
    validators: ReadonlyMap<string, Validator>,
  ) {
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#validators = validators;
  }

  /** @throws {ConfigurationError} A tool's schema is none. */
  static async of(
    settings: AgentSettings,
    surroundings: Surroundings,
  ): Promise<ToolCalls> {
    const validators = await Promise.all(
      Array.from(
        settings.tools.values(),
        async ({ name, schema }) =>
          [name, await compileValidator(schema)] as const,
      ),
    );
    return new ToolCalls(settings, surroundings, new Map(validators));
  }

  /** In the order of the calls, whichever is done first. */
  async run(
    iteration: number,
    calls: readonly PlannedCall[],
    offered: readonly AgentTool[],
    share: Share,
  ): Promise<readonly ToolCallRecord[]> {
    const { concurrency, maxResultTokens, call: settings } = this.#settings;
    const { model = this.#surroundings.invocation.defaults.model } = settings;
    this.#resultTokens = resultTokens(model, maxResultTokens, calls.length);
    const settled = await this.#surroundings.journal.all(
      `tools ${iteration}`,
      calls.map(({ call, refusal }) => async (journal) => {
        const { toolUseId, name, input } = call;
        this.#emit({ type: "tool-call", toolUseId, name, input });
        const reply =
          refusal === undefined
            ? await this.#reply({ journal, call, share }, offered)
            : failed(refusal);
        const { status, content } = reply;
        this.#emit({ type: "tool-result", toolUseId, name, status, content });
        return reply;
      }),
      { concurrency },
    );
    return settled.map((outcome, index) => {
      // One for each of them.
      const { toolUseId, name, input } = (calls[index] as PlannedCall).call;
      const reply = outcome.ok ? outcome.value : failureReply(outcome.error);
      const id = `${iteration}.${index + 1}`;
      // What a branch leaves in variables is not there in every replay.
      const shown = name === READ_RESULT ? reply : this.#shown(id, reply);
      return { toolUseId, name, input, ...shown };
    });
  }

  /** Whether there is more of a result than the model has got. */
  get hasMore(): boolean {
    return this.#fullTexts.size > 0;
  }

  /** All of it is in the journal: a replay comes to the same. */
  #shown(id: string, reply: SubAgentReply): SubAgentReply {
    const { content, fullText } = shownResult(
      reply.content,
      id,
      this.#resultTokens,
    );
    if (fullText === undefined) return reply;
    this.#fullTexts.set(id, fullText);
    return { ...reply, content };
  }

  async #reply(
    place: Place,
    offered: readonly AgentTool[],
  ): Promise<SubAgentReply> {
    const { name, input } = place.call;
    if (name === READ_RESULT && this.hasMore) return this.#readOn(input);
    const tool = offered.find((one) => one.name === name);
    if (tool === undefined)
      return failed(
        `There is no tool of this name. The tools are: ${offered.map((one) => one.name).join(", ") || "none"}.`,
      );
    const valid = await this.#validated(tool, input);
    if ("issues" in valid)
      return failed(
        `The input is not valid:\n${valid.issues.map((issue) => `- ${issue}`).join("\n")}\nCall the tool again with a corrected one.`,
      );
    const decision = await this.#decision(place, tool);
    switch (decision.decision) {
      case "approve":
        return this.#made(place, tool, valid.value);
      case "reject":
        return failed(`The call was not approved. ${decision.reason}`);
      case "edit": {
        const edited = await this.#validated(tool, decision.input);
        if ("issues" in edited)
          return failed(
            "The call was not made: it was approved with another input, which is not valid.",
          );
        const reply = await this.#made(place, tool, edited.value);
        const text = `It was approved with another input, and made with that: ${JSON.stringify(decision.input)}`;
        return { ...reply, content: [{ text }, ...reply.content] };
      }
    }
  }

  #readOn(input: unknown): SubAgentReply {
    const reply = readResult(this.#fullTexts, input, this.#resultTokens);
    return { ...reply, costUsd: 0, innerToolCalls: 0 };
  }

  #decision({ journal, call }: Place, tool: AgentTool) {
    const { toolUseId, input } = call;
    const { name: agent, approvalTimeoutMs: timeoutMs } = this.#settings;
    const { onApproval } = this.#surroundings;
    const given = { journal, tool, input, toolUseId, agent };
    return decisionOn({ ...given, onApproval, timeoutMs });
  }

  /** Also when the schema's own code fails. */
  async #validated({ name }: AgentTool, input: unknown) {
    try {
      // There is one for each of the tools.
      const validate = this.#validators.get(name) as Validator;
      return await validate(input);
    } catch {
      return { issues: ["it could not be checked"] };
    }
  }

  async #made(
    place: Place,
    tool: AgentTool,
    input: unknown,
  ): Promise<SubAgentReply> {
    const { journal, share } = place;
    const { name, work } = tool;
    if (work.kind === "agent")
      return this.#observed(place, tool, () =>
        work.agent.runWithin(
          String(Reflect.get(Object(input), "query")),
          { ...this.#surroundings, journal },
          share,
        ),
      );
    try {
      return await journal.step(
        name,
        async (info) => ({
          ...(await this.#run(place, { tool, work, input }, info)),
          costUsd: info.costUsd,
          innerToolCalls: 0,
        }),
        ROOM,
      );
    } catch (error) {
      if (!StepFailure.isInstance(error)) throw error;
      return failureReply(error);
    }
  }

  #observed<Reply extends ToolReply>(
    { call, journal }: Place,
    { name, description }: AgentTool,
    work: () => Promise<Reply>,
  ): Promise<Reply> {
    const { invocation, canResume } = this.#surroundings;
    const { toolUseId, input } = call;
    return invocation.operations.run(
      {
        ...{ kind: "tool", name, description, toolUseId, input },
        run: { id: journal.runId, isResumable: canResume },
        agent: this.#settings.name,
      },
      work,
      ({ status, content }) => {
        const result = { status, content };
        return status === "success"
          ? { status: "completed", result }
          : { status: "failed", error: undefined, result };
      },
    );
  }

  /** @throws {Suspended} There is no time left. */
  async #run(
    place: Place,
    called: { tool: AgentTool; work: FunctionWork; input: unknown },
    info: StepInfo,
  ): Promise<ToolReply> {
    try {
      return await this.#observed(place, called.tool, () =>
        this.#called(place, called, info),
      );
    } catch (error) {
      // Then the call has not failed, and is made again when the run is resumed.
      if (Suspended.isInstance(error) || info.signal.aborted) throw error;
      return failureOf(error);
    }
  }

  async #called(
    { call, share }: Place,
    { work, input }: { work: FunctionWork; input: unknown },
    { signal, key }: StepInfo,
  ): Promise<ToolReply> {
    const { context, journal, invocation, canResume } = this.#surroundings;
    const { signal: own } = this.#surroundings;
    const limitMs = canResume
      ? work.timeoutMs
      : Math.min(work.timeoutMs, invocation.remainingTimeMs - share.keptMs);
    const { toolUseId } = call;
    const agent = { name: this.#settings.name, runId: journal.runId };
    try {
      const value = await within(
        {
          limitMs,
          onTimeUp: () => {
            throw new TookTooLong(
              `The tool took longer than ${work.timeoutMs} ms.`,
            );
          },
          signal: own === undefined ? signal : AbortSignal.any([signal, own]),
        },
        async (signal) =>
          work.run(input, { signal, key, context, toolUseId, agent }),
      );
      return resultBlocks(value);
    } catch (error) {
      if (
        own?.aborted !== true ||
        signal.aborted ||
        Suspended.isInstance(error)
      )
        throw error;
      throw new Suspended(journal.runId, { resumeAt: Date.now() });
    }
  }

  #emit(event: ToolEvent): void {
    this.#surroundings.emit?.({ agent: this.#settings.name, ...event });
  }
}

type FunctionWork = Extract<ToolWork, { readonly kind: "function" }>;

type ToolEvent =
  | Omit<Extract<AgentEvent, { readonly type: "tool-call" }>, "agent">
  | Omit<Extract<AgentEvent, { readonly type: "tool-result" }>, "agent">;

class TookTooLong extends LambdaLLMError {
  static override readonly errorName = "ToolTimeoutError";

  constructor(message: string) {
    super(message, { code: "TOOL_TIMEOUT", statusCode: 504 });
  }
}

function failed(text: string): SubAgentReply {
  const reply: ToolReply = { status: "error", content: [{ text }] };
  return { ...reply, costUsd: 0, innerToolCalls: 0 };
}

/** What may be said of an error: those of this suite tell it themselves. */
function failureOf(error: unknown): ToolReply {
  if (error instanceof TookTooLong) return failed(error.message);
  return LambdaLLMError.isInstance(error) && !error.expose
    ? failed("The tool failed.")
    : errorBlocks(error);
}

/** What a step has recorded in place of a result. */
function failureReply(error: StepFailure): SubAgentReply {
  const text =
    error.code === "RESULT_TOO_LARGE"
      ? "The result of the tool is too large."
      : "The tool failed.";
  return { ...failed(text), costUsd: error.costUsd };
}
