import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Metafile } from "esbuild";
import {
  type Contender,
  forEachContender,
  handlerFile,
  type PerContender,
  type Variant,
} from "./contenders.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));

export interface Bundle {
  /** For `import()`. */
  readonly url: string;
  readonly bytes: number;
  /** Bytes by where they come from, the largest first. */
  readonly parts: ReadonlyMap<string, number>;
}

/** The packages whose share is shown; the first match counts, and the rest is the AWS SDK with what it brings. */
const PARTS: readonly (readonly [name: string, path: RegExp])[] = [
  ["@lambdallm/core: catalog data", /packages\/core\/dist\/catalog-data\.js$/],
  ["@lambdallm/core: model constants", /packages\/core\/dist\/model\.js$/],
  ["@lambdallm/core: code", /packages\/core\/dist\//],
  ["@lambdallm/bedrock", /packages\/bedrock\/dist\//],
  ["@middy/*", /node_modules\/@middy\//],
  ["@smithy/node-http-handler", /node_modules\/@smithy\/node-http-handler\//],
  ["the handler", /handlers\/[^/]+\.ts$/],
];

/** Bundles a contender as a user of Lambda would. */
async function bundleHandler(
  contender: Contender,
  variant: Variant,
  directory: string,
): Promise<Bundle> {
  const outfile = join(directory, `${contender}-${variant}.mjs`);
  const { metafile } = await build({
    entryPoints: [join(HERE, handlerFile(contender, variant))],
    outfile,
    bundle: true,
    minify: true,
    metafile: true,
    platform: "node",
    format: "esm",
    target: "node24",
    mainFields: ["module", "main"],
    // Parts of the AWS SDK are CommonJS and require Node's own modules.
    banner: {
      js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  return { url: pathToFileURL(outfile).href, ...sizes(metafile) };
}

function sizes(metafile: Metafile): Pick<Bundle, "bytes" | "parts"> {
  const parts = new Map<string, number>();
  let bytes = 0;
  for (const output of Object.values(metafile.outputs)) {
    bytes += output.bytes;
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      const [name] = PARTS.find(([, pattern]) => pattern.test(path)) ?? [
        "AWS SDK",
      ];
      parts.set(name, (parts.get(name) ?? 0) + bytesInOutput);
    }
  }
  return { bytes, parts: new Map([...parts].sort(([, a], [, b]) => b - a)) };
}

export function bundleHandlers(
  variant: Variant,
  directory: string,
): Promise<PerContender<Bundle>> {
  return forEachContender((contender) =>
    bundleHandler(contender, variant, directory),
  );
}

/** The programs that run the handlers are plain JavaScript too: stripping types would be part of every cold start. */
export async function bundleChild(
  name: "cold-start" | "worker",
  directory: string,
): Promise<string> {
  const outfile = join(directory, `${name}.mjs`);
  await build({
    entryPoints: [join(HERE, `child/${name}.ts`)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    logLevel: "warning",
  });
  return outfile;
}
