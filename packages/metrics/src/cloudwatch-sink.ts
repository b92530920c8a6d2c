import type { Usage } from "@lambdallm/core";
import {
  answerState,
  baseModelId,
  type CallFacts,
  type ModelRequest,
  warn,
} from "@lambdallm/core/feature";
import type { Context as LambdaContext } from "aws-lambda";
import type { FigureSets } from "./dimension-sets.ts";
import type { DistinctValues } from "./emf/distinct-values.ts";
import { type MetricGroup, MetricGroups } from "./emf/metric-groups.ts";
import { type ChunkWriter, Outbox } from "./emf/outbox.ts";
import { asDimensionValue } from "./emf/rules.ts";
import { ERROR_TYPE, FIGURES, type Figure, STOP_REASON } from "./figures.ts";
import type {
  EndedCall,
  EndedOperation,
  Occurrence,
  Recorder,
  Sink,
  Surroundings,
} from "./sink.ts";

/** What the value of a dimension of your own can be taken from. */
export interface DimensionSource<TEvent = unknown> {
  readonly event: TEvent;
  readonly context: LambdaContext;
  /** What is counted is a part of: names of a prompt, an agent and the like. */
  readonly facts: CallFacts;
  /** Of a model call; undefined for what is none, such as a step. */
  readonly request: ModelRequest | undefined;
}

export interface CloudWatchSettings extends FigureSets {
  readonly own: Readonly<
    Record<string, (source: DimensionSource) => string | undefined>
  >;
  readonly distinct: DistinctValues;
  readonly writerOf: (context: LambdaContext) => ChunkWriter;
}

/** The figures as metrics of CloudWatch: a document for each group of values of the dimensions. */
export function cloudWatchSink(settings: CloudWatchSettings): Sink {
  const failed = new Set<string>();
  return (surroundings) => new FigureRecorder(settings, surroundings, failed);
}

class FigureRecorder implements Recorder {
  readonly #settings: CloudWatchSettings;
  readonly #surroundings: Surroundings;
  /** The dimensions whose function has failed, in any invocation. */
  readonly #failed: Set<string>;
  readonly #groups = new MetricGroups();
  readonly #outbox: Outbox;
  /** The sets of the dimensions by which every figure is counted. */
  readonly #sets: readonly (readonly string[])[];
  #callsToFlush = 0;

  constructor(
    settings: CloudWatchSettings,
    surroundings: Surroundings,
    failed: Set<string>,
  ) {
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#failed = failed;
    const { overall, chosen } = settings;
    this.#sets = [overall, ...chosen.map((set) => [...overall, ...set])];
    const writer = settings.writerOf(surroundings.context);
    this.#outbox = new Outbox(this.#groups, writer);
  }

  readonly call = (ended: EndedCall): void => {
    const { totals, response, errorType } = ended;
    this.#callsToFlush += 1;
    const values = this.#valuesOf(ended.facts, ended.request, ended.model);
    const group = this.#group(values, this.#sets);
    add(group, "Calls", 1);
    add(group, "Attempts", totals.attempts);
    addSome(group, "Throttles", ended.throttles);
    addSome(group, "Retries", ended.retries);
    addSome(group, "Fallbacks", ended.fallbacks);
    addUsage(group, totals.usage);
    if (totals.totalCostUsd === undefined) add(group, "UnpricedCalls", 1);
    else add(group, "CostUsd", totals.totalCostUsd);
    add(group, "Latency", ended.durationMs);
    if (response?.timeToFirstTokenMs !== undefined)
      add(group, "TimeToFirstToken", response.timeToFirstTokenMs);
    if (errorType !== undefined)
      this.#addBy("Errors", values, ERROR_TYPE, errorType);
    else if (response !== undefined && isIncomplete(response))
      this.#addBy(
        "IncompleteAnswers",
        values,
        STOP_REASON,
        response.stopReason,
      );
  };

  readonly operation = ({
    operation,
    outcome,
    facts,
  }: EndedOperation): void => {
    // It goes on, and is counted when it has come to its end.
    if (outcome.status === "suspended") return;
    const { kind } = operation;
    const result: unknown = Reflect.get(outcome, "result");
    if (kind === "chain") return;
    const values = this.#valuesOf(facts, undefined, undefined);
    const group = this.#group(values, this.#sets);
    if (kind === "step") add(group, "Steps", 1);
    else if (kind === "agent") {
      const iterations: unknown = Reflect.get(Object(result), "iterations");
      if (typeof iterations === "number") add(group, "Iterations", iterations);
    } else {
      add(group, "ToolCalls", 1);
      if (outcome.status === "failed") add(group, "ToolErrors", 1);
    }
  };

  readonly occurrence = (name: Occurrence): void => {
    add(this.#overall(), name, 1);
  };

  readonly flush = (): void => {
    const shareLeft = this.#surroundings.invocation.budgetShareLeft();
    if (this.#callsToFlush > 0 && shareLeft !== undefined)
      add(this.#overall(), "BudgetUsed", 100 * (1 - shareLeft));
    this.#callsToFlush = 0;
    this.#outbox.flush();
  };

  #overall(): MetricGroup {
    return this.#group(new Map(), [this.#settings.overall]);
  }

  /** Counts it with the other figures, and by a dimension of its own. */
  #addBy(
    figure: Figure,
    values: ReadonlyMap<string, string>,
    dimension: string,
    value: string,
  ): void {
    const { overall, distinct } = this.#settings;
    const text = asDimensionValue(value) ?? "unknown";
    const all = new Map(values).set(dimension, distinct.of(dimension, text));
    add(this.#group(all, [...this.#sets, [...overall, dimension]]), figure, 1);
  }

  /** Of the sets, those whose dimensions have values here. */
  #group(
    values: ReadonlyMap<string, string>,
    sets: readonly (readonly string[])[],
  ): MetricGroup {
    const { fixed } = this.#settings;
    const used = sets.filter((set) =>
      set.every((name) => Object.hasOwn(fixed, name) || values.has(name)),
    );
    const names = new Set(used.flat());
    const own = [...values].filter(([name]) => names.has(name));
    const dimensions = { ...fixed, ...Object.fromEntries(own) };
    return this.#groups.of({ dimensions, sets: used });
  }

  #valuesOf(
    facts: CallFacts,
    request: ModelRequest | undefined,
    model: string | undefined,
  ): ReadonlyMap<string, string> {
    const { chosen, own, distinct } = this.#settings;
    const { promptName, agent, chain, tool, step } = facts;
    const known: Readonly<Record<string, string | undefined>> = {
      model: model && baseModelId(model),
      prompt: promptName,
      ...{ agent, chain, tool, step },
    };
    const values = new Map<string, string>();
    for (const name of new Set(chosen.flat())) {
      const value = Object.hasOwn(own, name)
        ? this.#ownValue(name, { facts, request })
        : known[name];
      const text = value === undefined ? undefined : asDimensionValue(value);
      if (text !== undefined) values.set(name, distinct.of(name, text));
    }
    return values;
  }

  /** What a function of the user's makes of it, if it does. */
  #ownValue(
    name: string,
    about: Pick<DimensionSource, "facts" | "request">,
  ): string | undefined {
    const { event, context } = this.#surroundings;
    try {
      const value: unknown = this.#settings.own[name]?.({
        ...{ event, context },
        ...about,
      });
      return typeof value === "string" ? value : undefined;
    } catch (error) {
      if (!this.#failed.has(name))
        warn(`metrics: the dimension "${name}" failed`, error);
      this.#failed.add(name);
      return undefined;
    }
  }
}

function add(group: MetricGroup, figure: Figure, value: number): void {
  group.add(figure, value, FIGURES[figure]);
}

/** For what mostly is 0, which would only make the documents longer. */
function addSome(group: MetricGroup, figure: Figure, value: number): void {
  if (value > 0) add(group, figure, value);
}

function addUsage(group: MetricGroup, usage: Usage): void {
  add(group, "InputTokens", usage.inputTokens);
  add(group, "OutputTokens", usage.outputTokens);
  addSome(group, "CacheReadTokens", usage.cacheReadInputTokens);
  addSome(group, "CacheWriteTokens", usage.cacheWriteInputTokens);
}

function isIncomplete(response: { readonly stopReason: string }): boolean {
  const state = answerState(response);
  return state !== undefined && state !== "complete" && state !== "calling";
}
