import middy6 from "middy6";
import middy7 from "middy7";

/** Every supported major of Middy, for `describe.each`. Both are called in ways that they share. */
export const middyMajors: readonly [name: string, middy: typeof middy7][] = [
  // Typed as 7: the declarations differ in defaults that these tests do not touch. Type tests cover both.
  ["Middy 6", middy6 as unknown as typeof middy7],
  ["Middy 7", middy7],
];
