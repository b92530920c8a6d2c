/**
 * Whether a model's id is the ARN of a prompt of Bedrock's prompt management. It brings its text and its settings itself,
 * such as how long an answer may be, and nobody knows them here.
 */
export function isManagedPrompt(modelId: string): boolean {
  return modelId.includes(":prompt/");
}
