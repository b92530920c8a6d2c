import { invokeStructured } from "./invoke-structured.ts";

export const handler = invokeStructured(
  "anthropic.claude-haiku-4-5-20251001-v1:0",
);
