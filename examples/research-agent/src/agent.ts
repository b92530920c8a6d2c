import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Agent, type ApprovalRequest, tool } from "@lambdallm/agent";

/** Where people sit: they are asked, and get what is published. */
export interface Desk {
  ask(request: ApprovalRequest): Promise<void>;
  /** @param key The same for the same report, also when it comes twice. */
  publish(report: { title: string; text: string }, key: string): Promise<void>;
}

export interface ResearchOptions {
  /** With the files that the agent may read. */
  readonly folder: string;
  readonly desk: Desk;
}

export function researchAgent({ folder, desk }: ResearchOptions) {
  const search = tool({
    name: "search",
    description:
      "Finds paragraphs in the company's files that contain one of the words.",
    input: { words: ["string"] },
    run: async ({ words }) => {
      const found = (await paragraphsIn(folder)).filter(({ text }) =>
        words.some((word) => text.toLowerCase().includes(word.toLowerCase())),
      );
      return found.length > 0 ? { found } : "Nothing was found.";
    },
  });

  const publish = tool({
    name: "publish",
    description: "Publishes a report. Everybody in the company can read it.",
    input: { title: "string", text: "string" },
    needsApproval: true,
    run: async (report, { key }) => {
      await desk.publish(report, key);
      return "It is published.";
    },
  });

  return new Agent({
    name: "researcher",
    systemPrompt:
      "You answer questions from the company's files. Search as often as you need, then publish one short report.",
    tools: [search, publish],
    maxIterations: 8,
    maxCostUsd: 0.1,
    onApproval: (request) => desk.ask(request),
  });
}

async function paragraphsIn(folder: string) {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".md"));
  const files = await Promise.all(
    names.toSorted().map(async (file) => {
      const text = await readFile(join(folder, file), "utf8");
      return text
        .split(/\n{2,}/)
        .map((paragraph) => ({ file, text: paragraph.trim() }));
    }),
  );
  return files.flat();
}
