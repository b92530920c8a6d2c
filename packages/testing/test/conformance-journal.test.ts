import { describe, test } from "@jest/globals";
import { journalConformance } from "@lambdallm/testing";
import { memoryHost } from "./journal-host.ts";

describe("memoryJournal", () => {
  journalConformance({ test, startRun: memoryHost() });
});
