/**
 * A rough number of tokens of a text: a quarter of its ASCII characters and one for every other one.
 * For usage the service did not report and for planning; never for a bill that could be exact.
 */
export function estimateTokens(text: string): number {
  let quarters = 0;
  for (let index = 0; index < text.length; index++)
    quarters += text.charCodeAt(index) < 0x80 ? 1 : 4;
  return Math.ceil(quarters / 4);
}
