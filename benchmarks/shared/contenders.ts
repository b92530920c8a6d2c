/** Names of what is compared; the first one is what the others are compared with. */
export type Contenders<Name extends string> = readonly [Name, ...Name[]];

/** Numbers by contender. */
export type PerContender<Name extends string, T> = Readonly<Record<Name, T>>;

export function perContender<Name extends string, T>(
  contenders: readonly Name[],
  make: (contender: Name) => T,
): PerContender<Name, T> {
  const values = contenders.map((contender) => [contender, make(contender)]);
  // One for each of them.
  return Object.fromEntries(values) as PerContender<Name, T>;
}

/** One value for each contender, made one after the other; `first` rotates who begins. */
export async function forEachContender<Name extends string, T>(
  contenders: readonly Name[],
  make: (contender: Name) => T | Promise<T>,
  first = 0,
): Promise<PerContender<Name, T>> {
  const values = new Map<Name, T>();
  for (const index of contenders.keys()) {
    const contender = contenders[(index + first) % contenders.length];
    if (contender !== undefined) values.set(contender, await make(contender));
  }
  // The loop has been through all of them.
  return Object.fromEntries(values) as PerContender<Name, T>;
}
