/** What the last step gives, for whoever reads it while it is written. */
export class LastText {
  readonly #show: (text: string) => void;
  #begun = false;

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  /** A piece of it was seen, and cannot be taken back. */
  get begun(): boolean {
    return this.#begun;
  }

  add(text: string): void {
    this.#begun = true;
    this.#show(text);
  }

  /** The whole of it, where nothing was seen before. */
  end(output: unknown): void {
    if (this.#begun || output === undefined) return;
    this.add(typeof output === "string" ? output : JSON.stringify(output));
  }
}
