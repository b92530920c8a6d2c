import { join } from "node:path";
import { bundleHandler } from "../shared/bundle.ts";
import { quantity, table } from "../shared/report.ts";

/** Packages of a checkout in place of this one's. */
function packagesOf(checkout: string): Record<string, string> {
  const names = ["core", "bedrock"] as const;
  return Object.fromEntries(
    names.map((name) => [
      `@lambdallm/${name}`,
      join(checkout, `packages/${name}/dist/index.js`),
    ]),
  );
}

/** What structured output adds to a handler that has no use for it; `before` is a built checkout without it. */
export async function invokeSizes(
  handler: URL,
  directory: string,
  before?: string,
): Promise<string> {
  const checkouts = [
    ...(before === undefined
      ? []
      : [["before structured output", packagesOf(before)] as const]),
    ["now", {}] as const,
  ];
  const rows: string[][] = [];
  for (const [name, alias] of checkouts) {
    const single = await bundleHandler(handler, directory, "single", { alias });
    const split = await bundleHandler(handler, directory, "split", {
      alias,
      splitting: true,
    });
    const bytes = [single.bytes, split.bytesAtStart, split.bytes];
    const ajv = single.parts.get("ajv") ?? 0;
    const yaml = single.parts.get("yaml") ?? 0;
    const cells = [...bytes, ajv, yaml].map((value) =>
      quantity(value / 1_000, "kB"),
    );
    rows.push([name, ...cells]);
  }
  return table(
    [
      "bundle of a handler that only calls `invoke`",
      "single file",
      "split, loaded at start",
      "split, all files",
      "ajv",
      "yaml",
    ],
    rows,
  );
}
