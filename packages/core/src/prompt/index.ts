export { Prompt, type PromptConstructor } from "./prompt.ts";
export type {
  InputSchema,
  PromptContext,
  PromptInvokeArguments,
  PromptJSON,
  PromptOptions,
  PromptResult,
  PromptVariables,
} from "./types.ts";
