import type { JsonObject } from "../json.ts";
import type { Answer } from "./answer.ts";

/** How a model family's own body maps to Converse, and an answer back to its own form. */
export interface NativeFormat {
  toConverse(body: JsonObject): JsonObject;
  fromAnswer(answer: Answer, modelId: string): unknown;
}
