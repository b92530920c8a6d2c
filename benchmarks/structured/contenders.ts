export const CONTENDERS = [
  "forced-tool",
  "forced-tool-ajv",
  "lambdallm",
  "lambdallm-native",
] as const;
export type Contender = (typeof CONTENDERS)[number];

export const handlerFile = (name: Contender): URL =>
  new URL(`handlers/${name}.ts`, import.meta.url);
