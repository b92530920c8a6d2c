/** How often a test repeats what chance or time may bring to light: more often in a soak, which is `npm run test:soak`. */
export function rounds(usual: number, inSoak: number): number {
  return process.env["LAMBDALLM_SOAK"] === "1" ? inSoak : usual;
}
