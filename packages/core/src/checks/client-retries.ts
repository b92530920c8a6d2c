import { warn } from "./warn.ts";

const looked = new WeakSet<object>();

/** Tells, once, about an AWS client of the caller's own that repeats requests itself. */
export function warnOfClientRetries(owner: string, client: object): void {
  if (looked.has(client)) return;
  looked.add(client);
  void attemptsOf(client).then((attempts) => {
    if (attempts > 1)
      warn(
        `${owner}: the client repeats requests itself, up to ${attempts} times`,
        "make it with maxAttempts: 1; its repetitions multiply with those of the middlewares, and nobody counts what they cost",
      );
  });
}

/** A stub may have no settings, and a provider of settings may fail: the request will tell. */
async function attemptsOf(client: object): Promise<number> {
  try {
    const config: unknown = Reflect.get(client, "config");
    const attempts: unknown = Reflect.get(Object(config), "maxAttempts");
    return Number(typeof attempts === "function" ? await attempts() : attempts);
  } catch {
    return Number.NaN;
  }
}
