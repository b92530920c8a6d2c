import { createHash } from "node:crypto";

/** Stands for a text: short enough to be a name or an element of a set, and long enough never to be two. */
export const digest = (text: string): Buffer =>
  createHash("sha256").update(text).digest().subarray(0, 9);
