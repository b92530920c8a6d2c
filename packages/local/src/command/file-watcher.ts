import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Editors write a file in several steps, or replace it: one change for all of them. */
const QUIET_MS = 60;

/**
 * Tells when one of a growing set of files changes. It watches their directories, because an editor that replaces a
 * file leaves a watcher on the file itself behind with the old one.
 */
export class FileWatcher {
  /** When true, any source file of these directories counts: one that was missing may have come. */
  isEager = false;
  readonly #files = new Map<string, Set<string>>();
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onChange: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  add(file: string): void {
    const directory = dirname(file);
    const names = this.#files.get(directory);
    if (names !== undefined) {
      names.add(basename(file));
      return;
    }
    this.#files.set(directory, new Set([basename(file)]));
    const watcher = watch(directory, (_kind, name) => {
      this.#changed(directory, name);
    });
    // A directory that is deleted has nothing more to tell.
    watcher.on("error", () => watcher.close());
    this.#watchers.set(directory, watcher);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  #changed(directory: string, name: string | null): void {
    const isKnown =
      name === null || this.#files.get(directory)?.has(name) === true;
    const isSource =
      this.isEager && name !== null && /\.(?:[cm]?[jt]s|json)$/.test(name);
    if (!isKnown && !isSource) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onChange, QUIET_MS);
  }
}
