/**
 * The order of the code points, which is that of the UTF-8 bytes and of most databases. JavaScript compares the halves of
 * surrogate pairs, and so puts emoji before some letters of other alphabets.
 */
export const compareTexts = (one: string, other: string): number =>
  Buffer.compare(Buffer.from(one), Buffer.from(other));
