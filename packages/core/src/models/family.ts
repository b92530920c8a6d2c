/** Claude, whatever its version, profile or ARN. */
export function isClaude(modelId: string): boolean {
  return modelId.includes("anthropic.claude");
}

/** Amazon Nova, whatever its version, profile or ARN. */
export function isNova(modelId: string): boolean {
  return modelId.includes("amazon.nova");
}
