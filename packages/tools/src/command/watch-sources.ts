import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { scheduler } from "node:timers/promises";

/** Editors write a file in several steps, or replace it: one change for all of them. */
const QUIET_MS = 60;

/**
 * Runs, and runs again whenever a source changes or comes, until the signal.
 *
 * It watches directories, and reads once more what it has read before it was watched. An editor that replaces a file leaves a
 * watcher on the file itself behind with the old one.
 *
 * @param run What is done each time; it returns the absolute paths of what it has read.
 * @param isSource Whether a change of the file of this name counts.
 */
export async function watchSources(
  run: () => readonly string[],
  isSource: (name: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const watchers = new Map<string, FSWatcher>();
  let changed = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => changed.resolve());
  try {
    while (!signal.aborted) {
      changed = Promise.withResolvers();
      const directories = new Set(run().map((file) => dirname(file)));
      const unwatched = [...directories].filter((one) => !watchers.has(one));
      for (const directory of unwatched)
        watchers.set(directory, watcherOf(directory));
      // Something may have changed there before it was watched.
      if (unwatched.length > 0) continue;
      await changed.promise;
      await scheduler.wait(QUIET_MS, { signal }).catch(() => {});
    }
  } finally {
    for (const watcher of watchers.values()) watcher.close();
  }

  function watcherOf(directory: string): FSWatcher {
    const watcher = watch(directory, (_kind, name) => {
      if (name === null || isSource(name)) changed.resolve();
    });
    // A directory that is deleted has nothing more to tell.
    return watcher.on("error", () => watcher.close());
  }
}
