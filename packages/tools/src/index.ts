export {
  checkTools,
  type GeneratedTools,
  generateTools,
} from "./generate.ts";
export type { ToolsOptions } from "./options.ts";
export {
  ToolGenerationError,
  type ToolProblem,
  ToolsUsageError,
} from "./problems.ts";
