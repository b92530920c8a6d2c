import type { PerContender } from "../shared/contenders.ts";

export const CONTENDERS = ["hand-written", "keep-alive", "lambdallm"] as const;
export type Contender = (typeof CONTENDERS)[number];
export type PerHandler<T> = PerContender<Contender, T>;

export type Variant = "call" | "stream";

export function handlerFile(contender: Contender, variant: Variant): URL {
  const suffix = variant === "stream" ? "-stream" : "";
  return new URL(`handlers/${contender}${suffix}.ts`, import.meta.url);
}
