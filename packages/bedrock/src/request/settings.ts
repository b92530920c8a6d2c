import { type BedrockSettings, ConfigurationError } from "@lambdallm/core";
import type { ModelRequest } from "@lambdallm/core/feature";

/** The SDK drops what it does not know in silence, and what the request says itself would be overwritten. */
const SETTINGS: ReadonlySet<string> = new Set<keyof BedrockSettings>([
  "additionalModelRequestFields",
  "additionalModelResponseFieldPaths",
  "guardrailConfig",
  "outputConfig",
  "performanceConfig",
  "promptVariables",
  "requestMetadata",
  "serviceTier",
]);

export function refuseUnknownSettings(settings: BedrockSettings): void {
  for (const name of Object.keys(settings))
    if (!SETTINGS.has(name))
      throw new ConfigurationError(
        `There is no setting "${name}" in the option bedrock. Settings: ${[...SETTINGS].join(", ")}.`,
      );
}

const MAX_METADATA = 16;

/**
 * At most 16 entries of 256 of these characters, says the service; they only label its logs, so a tag is made to fit
 * rather than refused.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 */
export function metadataOf(
  tags: ModelRequest["tags"] = {},
  own: Readonly<Record<string, string>> = {},
): Record<string, string> | undefined {
  const label = (text: string) =>
    text.replace(/[^a-zA-Z0-9\s:_@$#=/+,.-]/g, "_").slice(0, 256);
  const fitting = Object.entries(tags).map(([name, value]) => [
    label(name),
    label(value),
  ]);
  const labels: Record<string, string> = Object.fromEntries(fitting);
  const entries = Object.entries({ ...labels, ...own });
  if (entries.length === 0) return undefined;
  // The caller's own come last in the object, and are the last to be left out.
  return Object.fromEntries(entries.slice(-MAX_METADATA));
}
