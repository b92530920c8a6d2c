import type { Provider } from "../contract/model-call.ts";

/** Where the calls of a model go to, for records; undefined when that is not known. */
export function serverOf(
  provider: Provider,
  model: string,
): { readonly address: string; readonly port: number } | undefined {
  const endpoint = provider.endpoint?.(model);
  if (endpoint === undefined || !URL.canParse(endpoint)) return undefined;
  const { hostname: address, port, protocol } = new URL(endpoint);
  return {
    address,
    port: Number(port) || (protocol === "http:" ? 80 : 443),
  };
}
