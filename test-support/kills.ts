/** How often a test kills its process at a random moment: a hundred times in `npm run test:kills`, which takes its time. */
export function kills(usual: number): number {
  return process.env["LAMBDALLM_KILLS"] === "1" ? 100 : usual;
}
