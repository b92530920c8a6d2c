import { WRAPPED_START } from "./wrapping.ts";

/** What may be the brace that closes the wrapping object, or the white space around it. */
const MAYBE_END = /\s*\}?\s*$/;

/** The pieces of a wrapped value without what wraps it: the start is taken off, and the brace at the end never shown. */
export class UnwrappedPieces {
  #state: "start" | "value" | "not wrapped" = "start";
  #held = "";

  /** What can be shown now that this piece has come. */
  push(piece: string): string {
    this.#held += piece;
    if (this.#state === "start") this.#begin();
    if (this.#state === "start") return "";
    const end =
      this.#state === "value"
        ? this.#held.search(MAYBE_END)
        : this.#held.length;
    const shown = this.#held.slice(0, end);
    this.#held = this.#held.slice(end);
    return shown;
  }

  #begin(): void {
    const start = WRAPPED_START.exec(this.#held);
    if (start !== null) {
      this.#state = "value";
      this.#held = this.#held.slice(start[0].length);
      // A model can leave the wrapping out.
    } else if (this.#held.includes(":")) this.#state = "not wrapped";
  }
}
