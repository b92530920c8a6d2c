import { ConfigurationError, findModel, type ModelInfo } from "@lambdallm/core";
import {
  geographiesOf,
  hasGlobalProfiles,
  modelName,
} from "@lambdallm/core/feature";

/** Which inference profile a bare model id is sent to, when the model has it. */
export type InferenceProfile = "geographic" | "global" | "none";

export interface Target {
  readonly modelId: string;
  readonly region: string;
}

export const REGION = /^[a-z]{2,}(-[a-z]+)+-\d+$/;

// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html: at most 2048 characters.
const MODEL_ID = /^[\w.:/-]{1,2048}$/;
const ARN = /^arn:aws[a-z-]*:[a-z]+:([a-z0-9-]*):/;

/** The Region from the environment, as Lambda sets it. */
export function environmentRegion(): string | undefined {
  for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION"]) {
    const region = process.env[name];
    if (region === undefined || region === "") continue;
    if (!REGION.test(region))
      throw new ConfigurationError(
        `The environment variable ${name} is not an AWS Region: "${region.slice(0, 80)}". Expected a form such as eu-west-1.`,
      );
    return region;
  }
  return undefined;
}

/**
 * Where a model is reached: an ARN names its Region, and a bare id of a model that has inference profiles becomes the
 * profile of the Region's geography, because most models refuse the bare id.
 *
 * @throws {ConfigurationError} The id cannot be a model id.
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
 */
export function resolveTarget(
  model: string,
  defaultRegion: string,
  inferenceProfile: InferenceProfile,
): Target {
  if (!MODEL_ID.test(model))
    throw new ConfigurationError(
      `The model must be a model id, an inference profile id or an ARN, not "${model.slice(0, 80)}".`,
    );
  const arnRegion = ARN.exec(model)?.[1];
  if (arnRegion !== undefined)
    return { modelId: model, region: arnRegion || defaultRegion };
  const info = findModel(model);
  const prefix =
    info?.id === model && inferenceProfile !== "none"
      ? profilePrefix(info, defaultRegion, inferenceProfile)
      : undefined;
  return {
    modelId: prefix === undefined ? model : `${prefix}.${model}`,
    region: defaultRegion,
  };
}

/**
 * The profile that is wanted, else the other kind: a model that has none in the Region's geography is reached by the global
 * one. Without either, the bare id is left, which some models take.
 */
function profilePrefix(
  { id, profiles = [], onDemand }: ModelInfo,
  region: string,
  wanted: InferenceProfile,
): string | undefined {
  const geographic = geographiesOf(region);
  const global = hasGlobalProfiles(region) ? ["global"] : [];
  const prefixes =
    wanted === "global"
      ? [...global, ...geographic]
      : [...geographic, ...global];
  const prefix = prefixes.find((candidate) => profiles.includes(candidate));
  if (prefix === undefined && onDemand === false)
    throw new ConfigurationError(
      `The model ${modelName(id)} cannot be called from ${region}: it needs an inference profile, and has them for ${profiles.join(", ")} only. Choose a Region of one of these geographies with bedrock({ region }), or another model.`,
    );
  return prefix;
}
