import {
  InvocationTimeoutError,
  type LLMContext,
  type Prompt,
  type PromptSource,
  type StepInfo,
  Suspended,
  type WithLLM,
} from "@lambdallm/core";
import {
  type CallModel,
  changedContext,
  type ModelRequest,
  timeIsUp,
  within,
} from "@lambdallm/core/feature";
import type { Node } from "./graph.ts";
import type { Run } from "./run-types.ts";
import { valuesOf } from "./values.ts";

/** What is recorded of a step: JSON. */
export interface StepValue {
  readonly output?: unknown;
  /** Null when it is unknown. */
  readonly costUsd: number | null;
  /** The deadline has cut it off. */
  readonly truncated?: true;
}

export interface StepWork {
  readonly node: Node;
  /** Of the steps that it needs, by name. */
  readonly outputs: ReadonlyMap<string, unknown>;
  /** Sees the text of an answer grow. */
  readonly show: ((text: string) => void) | undefined;
}

/** Does the work of a step, and decides what becomes of it when the time is over. */
export async function workOf(
  run: Run,
  work: StepWork,
  given: StepInfo,
): Promise<StepValue> {
  const { strategy, signal, journal } = run;
  const { runId } = journal;
  const info = signal === undefined ? given : withSignal(given, signal);
  try {
    const output = await outputOf(run, work, info);
    return { output, costUsd: costIn(given) };
  } catch (error) {
    // It goes on when the run is resumed: that nobody wanted to wait for it is no failure of the step.
    if (signal?.aborted) throw new Suspended(runId, { resumeAt: Date.now() });
    if (!InvocationTimeoutError.isInstance(error)) throw error;
    if (strategy === "checkpoint")
      throw new Suspended(runId, { resumeAt: Date.now() });
    if (strategy === "fail-fast") throw error;
    const isText =
      work.node.step.prompt !== undefined &&
      work.node.step.outputSchema === undefined;
    const text = isText ? error.partial?.text : undefined;
    return {
      costUsd: costIn(given),
      truncated: true,
      ...(text && { output: text }),
    };
  }
}

const costIn = ({ costUsd }: StepInfo): number | null => costUsd ?? null;

function withSignal(info: StepInfo, signal: AbortSignal): StepInfo {
  const { key, attempt } = info;
  return {
    key,
    attempt,
    signal: AbortSignal.any([info.signal, signal]),
    get costUsd() {
      return info.costUsd;
    },
  };
}

async function outputOf(
  run: Run,
  work: StepWork,
  info: StepInfo,
): Promise<unknown> {
  const { context, invocation, variables } = run;
  const { step } = work.node;
  // The chain decides about answers that the deadline cut off, not the functions that it calls.
  const changed = changedContext(context, invocation, {
    timeIsUp: { timeoutStrategy: "fail-fast", journal: undefined },
    callModel: callModelOf(run, work, info),
  });
  const { func } = step;
  if (func === undefined) return ask(changed.llm, run, work);
  return within(
    {
      limitMs: invocation.backstop - Date.now(),
      onTimeUp: () => {
        throw timeIsUp(
          { timeoutStrategy: "fail-fast", journal: undefined },
          `The step "${step.name}" had not ended when the time was over.`,
        );
      },
      signal: info.signal,
    },
    async (signal) =>
      func({
        variables: { ...variables },
        outputs: Object.fromEntries(work.outputs),
        // The functions of a handler's context, as far as they are there: in durable mode `llm` alone.
        context: changed.context as WithLLM,
        llm: changed.llm,
        info: withSignal(info, signal),
      }),
  );
}

/** The calls of a step carry its name, end with it, and are covered by the budget. */
function callModelOf(
  { chain, invocation, budget, strategy }: Run,
  { node }: StepWork,
  info: StepInfo,
): CallModel {
  const { name } = node.step;
  const send: CallModel = (request) => invocation.callModel(request);
  return (given) => {
    const { signal, tags } = given;
    const request: ModelRequest = {
      ...given,
      signal: signal ? AbortSignal.any([signal, info.signal]) : info.signal,
      tags: { "chain.name": chain, "chain.step": name, ...tags },
      // Only of a stream there is something when the deadline cuts it off.
      ...(strategy === "truncate" &&
        given.onDelta === undefined &&
        given.output === undefined &&
        given.tools === undefined && { onDelta: () => {}, deltas: [] }),
    };
    return budget === undefined
      ? send(request)
      : budget.call(name, info, request, send);
  };
}

async function ask(
  llm: LLMContext,
  { variables }: Run,
  { node, outputs, show }: StepWork,
): Promise<unknown> {
  const { prompt, outputSchema, model, maxTokens, temperature } = node.step;
  const values = valuesOf(node, variables, outputs);
  const options = { model, maxTokens, temperature };
  const answer = async (source: string | PromptSource, filled: object) => {
    if (outputSchema !== undefined)
      return llm.invokeStructured(source, outputSchema, filled, options);
    if (show === undefined) return llm.invoke(source, filled, options);
    const stream = llm.stream(source, filled, options);
    for await (const text of stream) show(text);
    return (await stream.response).text;
  };
  if (typeof prompt === "string") return answer(prompt, values);
  // A step without a func has a prompt. It checks its values, and asks for a text or for a value as the step says.
  return (prompt as Prompt<object>).invoke(
    {
      invoke: async (source, filled) =>
        (await answer(source, filled)) as string,
      invokeStructured: (source, _schema, filled) => answer(source, filled),
    },
    values,
  );
}
