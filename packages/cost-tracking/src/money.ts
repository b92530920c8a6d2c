const NANO_PER_USD = 1e9;
const PICO_PER_USD = 1e12;
const PICO_PER_NANO = 1_000;

/** A cost as the core computes it, which is exact to the pico-USD, in whole nano-USD: what is left over is rounded up. */
export function nanoCost(usd: number): number {
  return nanoOfPico(Math.round(usd * PICO_PER_USD));
}

export function nanoOfPico(pico: number): number {
  return Math.min(Math.ceil(pico / PICO_PER_NANO), Number.MAX_SAFE_INTEGER);
}

/** A limit in whole nano-USD. */
export function nanoLimit(usd: number): number {
  return Math.round(usd * NANO_PER_USD);
}

export function usdOf(nano: number): number {
  return nano / NANO_PER_USD;
}

export const DAY_MS = 86_400_000;

/** When the UTC day begins, in epoch milliseconds. */
export function dayStart(at: number): number {
  return at - (at % DAY_MS);
}

/** When the UTC month begins, in epoch milliseconds. */
export function monthStart(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

/** When the next UTC month begins, in epoch milliseconds. */
export function monthEnd(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}
