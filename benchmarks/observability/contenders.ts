import type { Variant } from "../shared/variants.ts";

export const CONTENDERS = [
  "bedrock",
  "logging",
  "metrics",
  "tracing",
  "all",
  "unsampled",
  "without-sdk",
] as const;
export type Contender = (typeof CONTENDERS)[number];

/** The baseline is what the benchmark "overhead" compares with a hand-written handler. */
export function handlerFile(contender: Contender, variant: Variant): URL {
  const suffix = variant === "stream" ? "-stream" : "";
  const path =
    contender === "bedrock"
      ? `../overhead/handlers/lambdallm${suffix}.ts`
      : `handlers/${contender}${suffix}.ts`;
  return new URL(path, import.meta.url);
}
