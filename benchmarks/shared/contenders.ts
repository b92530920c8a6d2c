export const BASELINE = "hand-written";
export const CONTENDERS = [BASELINE, "keep-alive", "lambdallm"] as const;
export type Contender = (typeof CONTENDERS)[number];

export const VARIANTS = ["call", "stream"] as const;
export type Variant = (typeof VARIANTS)[number];

/** Numbers by contender. */
export type PerContender<T> = Readonly<Record<Contender, T>>;

export function handlerFile(contender: Contender, variant: Variant): string {
  return `handlers/${contender}${variant === "stream" ? "-stream" : ""}.ts`;
}

/** One value for each contender, made one after the other; `first` rotates who begins. */
export async function forEachContender<T>(
  make: (contender: Contender) => T | Promise<T>,
  first = 0,
): Promise<PerContender<T>> {
  const values: Partial<Record<Contender, T>> = {};
  for (const index of CONTENDERS.keys()) {
    const contender = CONTENDERS[(index + first) % CONTENDERS.length];
    if (contender !== undefined) values[contender] = await make(contender);
  }
  // The loop has been through all of them.
  return values as PerContender<T>;
}
