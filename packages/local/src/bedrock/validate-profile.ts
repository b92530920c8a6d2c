import {
  baseModelId,
  geographiesOf,
  hasGlobalProfiles,
} from "@lambdallm/core/feature";
import type { KnownModel } from "./known-model.ts";
import { refuse } from "./service-error.ts";

const ARN =
  /^arn:aws[a-z-]*:bedrock:([^:]*):[^:]*:(?:foundation-model|inference-profile)\/(.+)$/;

/**
 * Refuses the bare id of a model that needs an inference profile, and profiles that the model does not have or that are
 * those of another geography than the Region's.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
 */
export function validateProfile(
  modelId: string,
  model: KnownModel,
  signedRegion: string | undefined,
): void {
  const [, arnRegion, name = modelId] = ARN.exec(modelId) ?? [];
  // What was registered under a name of its own has its own kind of endpoint.
  if (model === undefined || baseModelId(modelId) !== model.id) return;
  if (name.startsWith(model.id)) {
    if (model.onDemand === false)
      refuse(
        `Invocation of model ID ${modelId} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`,
      );
    return;
  }
  const prefix = name.slice(0, name.indexOf("."));
  const region = arnRegion || signedRegion;
  const isOfRegion =
    region === undefined ||
    (prefix === "global"
      ? hasGlobalProfiles(region)
      : geographiesOf(region).includes(prefix));
  if (!isOfRegion || !model.profiles?.includes(prefix))
    refuse("The provided model identifier is invalid.");
}
