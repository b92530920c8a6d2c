import type { Message } from "@lambdallm/core";
import { check, validateOptions } from "@lambdallm/core/feature";
import { ROOM } from "./room.ts";
import {
  type AgentSettings,
  checkNames,
  type PreparedStep,
  type StepPreparation,
} from "./settings.ts";
import type { Surroundings } from "./sub-agent.ts";
import type { AgentTool } from "./tool.ts";

/** What a step is taken with. */
export interface Prepared {
  readonly model: string | undefined;
  readonly tools: readonly AgentTool[];
  readonly messages: readonly Message[];
}

const checks = {
  model: check.text,
  tools: check.texts,
  messages: check.array,
};

/** Asks `prepareStep`, once for each step. */
export async function preparedStep(
  settings: AgentSettings,
  { journal }: Surroundings,
  preparation: StepPreparation,
): Promise<Prepared> {
  const { prepareStep, tools } = settings;
  const changes =
    prepareStep === undefined
      ? {}
      : await journal.step(
          `prepare ${preparation.iteration}`,
          async () => {
            const given = (await prepareStep(preparation)) ?? {};
            checkChanges(settings, given);
            return given;
          },
          ROOM,
        );
  const { model, messages = preparation.messages } = changes;
  return { model, messages, tools: offered(tools, changes) };
}

/** @throws {ConfigurationError} */
function checkChanges(
  { name, tools }: AgentSettings,
  given: PreparedStep,
): void {
  const owner = `Agent "${name}": prepareStep`;
  validateOptions(owner, checks, given);
  checkNames(owner, "tools", given.tools ?? [], tools);
}

function offered(
  tools: ReadonlyMap<string, AgentTool>,
  { tools: names }: PreparedStep,
): readonly AgentTool[] {
  const all = [...tools.values()];
  return names === undefined
    ? all
    : all.filter(({ name }) => names.includes(name));
}
