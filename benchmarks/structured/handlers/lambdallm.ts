import { invokeStructured } from "./invoke-structured.ts";

// It has no native mode: the answer is the input of a forced tool.
export const handler = invokeStructured("anthropic.claude-opus-5");
