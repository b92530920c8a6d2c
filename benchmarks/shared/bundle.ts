import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BuildOptions, build, type Metafile } from "esbuild";

export interface Bundle {
  /** For `import()`. */
  readonly url: string;
  readonly bytes: number;
  /** Without what is loaded only when it is needed, which is a file of its own when the bundle is split. */
  readonly bytesAtStart: number;
  /** Bytes by where they come from, the largest first. */
  readonly parts: ReadonlyMap<string, number>;
}

export interface BundleOptions {
  /** A file for each `import()`. @default one file for everything */
  readonly splitting?: boolean;
  /** Packages that the handler's user has not installed. */
  readonly external?: string[];
  /** Files in place of packages. */
  readonly alias?: Record<string, string>;
}

/** The packages whose share is shown; the first match counts, and the rest is the AWS SDK with what it brings. */
const PARTS: readonly (readonly [name: string, path: RegExp])[] = [
  ["@lambdallm/core: catalog data", /packages\/core\/dist\/catalog-data\.js$/],
  ["@lambdallm/core: model constants", /packages\/core\/dist\/model\.js$/],
  ["@lambdallm/core: code", /packages\/core\/dist\//],
  ["@lambdallm/bedrock", /packages\/bedrock\/dist\//],
  ["@middy/*", /node_modules\/@middy\//],
  ["@smithy/node-http-handler", /node_modules\/@smithy\/node-http-handler\//],
  [
    "ajv",
    /node_modules\/(?:ajv|fast-deep-equal|fast-uri|json-schema-traverse)\//,
  ],
  ["yaml", /node_modules\/yaml\//],
  ["the handler", /benchmarks\/[^/]+\/(?:handlers\/)?[^/]+\.ts$/],
];

const NODE_MODULE: BuildOptions = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  logLevel: "warning",
};

/** Bundles a handler as a user of Lambda would, into `directory/name`. */
export async function bundleHandler(
  handler: URL,
  directory: string,
  name: string,
  options: BundleOptions = {},
): Promise<Bundle> {
  const outdir = join(directory, name);
  const { metafile } = await build({
    ...NODE_MODULE,
    ...options,
    entryPoints: { index: fileURLToPath(handler) },
    outdir,
    outExtension: { ".js": ".mjs" },
    minify: true,
    metafile: true,
    mainFields: ["module", "main"],
    // Parts of the AWS SDK are CommonJS and require Node's own modules.
    banner: {
      js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);',
    },
  });
  return {
    url: pathToFileURL(join(outdir, "index.mjs")).href,
    ...sizes(metafile),
  };
}

function sizes(metafile: Metafile): Omit<Bundle, "url"> {
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
  return {
    bytes,
    bytesAtStart: bytesAtStart(metafile),
    parts: new Map([...parts].sort(([, a], [, b]) => b - a)),
  };
}

/** The entry with the files that it imports, and that those import. */
function bytesAtStart({ outputs }: Metafile): number {
  const loaded = new Set(
    Object.keys(outputs).filter((path) => path.endsWith("/index.mjs")),
  );
  let bytes = 0;
  for (const path of loaded) {
    const output = outputs[path];
    bytes += output?.bytes ?? 0;
    for (const { kind, path: imported } of output?.imports ?? [])
      if (kind === "import-statement") loaded.add(imported);
  }
  return bytes;
}

/** The programs that run the handlers are plain JavaScript too: stripping types would be part of every cold start. */
export async function bundleChild(
  name: "cold-start" | "worker",
  directory: string,
): Promise<string> {
  const outfile = join(directory, `${name}.mjs`);
  await build({
    ...NODE_MODULE,
    entryPoints: [fileURLToPath(new URL(`child/${name}.ts`, import.meta.url))],
    outfile,
  });
  return outfile;
}
