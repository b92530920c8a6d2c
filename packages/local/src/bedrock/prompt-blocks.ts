import { createHash } from "node:crypto";
import { estimateTokens } from "@lambdallm/core";
import { objectAt, stringAt } from "../json.ts";
import { allText } from "./answer.ts";
import type { BedrockRequest } from "./types.ts";
import { toWire } from "./wire-json.ts";

export type CacheTtl = "5m" | "1h";

/** Where a request asks for its prompt to be cached. */
export interface CachePoint {
  /** The number of blocks before it. */
  readonly position: number;
  readonly ttl: CacheTtl;
}

interface Block {
  readonly place: readonly unknown[];
  readonly block: unknown;
  readonly text: string;
}

/** A prompt block by block, in the order in which the service reads and caches it: tools, system, messages. */
export class PromptBlocks {
  readonly points: readonly CachePoint[];
  readonly #blocks: readonly Block[];

  constructor({
    messages,
    system,
    toolConfig,
  }: Pick<BedrockRequest, "messages" | "system" | "toolConfig">) {
    const blocks: Block[] = [];
    const points: CachePoint[] = [];
    const add = (place: readonly unknown[], block: object, text: string) => {
      const point = objectAt(block, "cachePoint");
      if (point === undefined) blocks.push({ place, block, text });
      else
        points.push({
          position: blocks.length,
          ttl: stringAt(point, "ttl") === "1h" ? "1h" : "5m",
        });
    };
    for (const tool of toolConfig?.tools ?? [])
      add(["tools"], tool, JSON.stringify(tool));
    for (const block of system) add(["system"], block, allText([block]));
    for (const [index, { role, content }] of messages.entries())
      for (const block of content)
        add(["messages", index, role], block, allText([block]));
    this.points = points;
    this.#blocks = blocks;
  }

  /** The estimated size of all of it: its texts, its tool schemas, its tool calls and their results. */
  get tokens(): number {
    return this.tokensBefore(this.#blocks.length);
  }

  /** The estimated size of its first blocks. */
  tokensBefore(position: number): number {
    const texts = this.#blocks.slice(0, position).map(({ text }) => text);
    return estimateTokens(texts.join("\n"));
  }

  /** What tells its first blocks from others, at each position: one byte more or less, and all that follow differ. */
  prefixes(): readonly string[] {
    const hash = createHash("sha256");
    const prefixes = [""];
    for (const { place, block } of this.#blocks) {
      hash.update(JSON.stringify([place, toWire(block)]));
      prefixes.push(hash.copy().digest("base64"));
    }
    return prefixes;
  }
}
