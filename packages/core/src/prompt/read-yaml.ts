import { createReadStream } from "node:fs";
import type { Document, Scalar, visit } from "yaml";
import { missingPackage, namesOf } from "../checks/optional-package.ts";
import { reasonOf } from "../checks/reason-of.ts";
import { ConfigurationError } from "../contract/errors.ts";

const MAX_BYTES = 1 << 20;
const MAX_ALIASES = 100;

/**
 * The value of a YAML file: one document of plain data, in YAML's core schema, up to 1 MB.
 *
 * @throws {ConfigurationError} naming the file, and the line where there is one.
 */
export async function readYAML(path: string | URL): Promise<unknown> {
  const text = await readText(path);
  const loaded = await import("yaml").catch(
    missingPackage("yaml", "Prompt.fromYAML"),
  );
  const { LineCounter, parseDocument, visit } = namesOf(loaded, "visit");
  const lines = new LineCounter();
  const fail = (reason: string, offset?: number, cause?: unknown) =>
    new ConfigurationError(
      `${path}${offset === undefined ? "" : `, line ${lines.linePos(offset).line}`}: ${reason}`,
      { cause },
    );
  try {
    const document = parseDocument(text, {
      schema: "core",
      resolveKnownTags: false,
      merge: false,
      stringKeys: true,
      // Its own check compares each key with each: four minutes for 1 MB of keys.
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter: lines,
    });
    // A tag that is not known is a warning.
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw fail(problem.message, problem.pos[0]);
    const duplicate = duplicateKey(document, visit);
    if (duplicate !== undefined)
      throw fail(`"${duplicate.name}" is there twice`, duplicate.offset);
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    if (ConfigurationError.isInstance(error)) throw error;
    throw fail(reasonOf(error), undefined, error);
  }
}

async function readText(path: string | URL): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // `end` is the last byte that is read: one more than is allowed.
    for await (const chunk of createReadStream(path, { end: MAX_BYTES })) {
      chunks.push(chunk);
      size += chunk.length;
    }
    if (size <= MAX_BYTES)
      return new TextDecoder("utf-8", { fatal: true }).decode(
        Buffer.concat(chunks),
      );
  } catch (cause) {
    // Its message has the path a second time.
    const code = Reflect.get(Object(cause), "code");
    throw new ConfigurationError(`${path} cannot be read (${code}).`, {
      cause,
    });
  }
  throw new ConfigurationError(`${path} is larger than 1 MB.`);
}

function duplicateKey(
  document: Document,
  walk: typeof visit,
): { readonly name: string; readonly offset: number | undefined } | undefined {
  let found: ReturnType<typeof duplicateKey>;
  walk(document, {
    Map(_key, { items }) {
      const names = new Set<unknown>();
      for (const { key } of items) {
        // Every key is a string: see stringKeys.
        const { value, range } = key as Scalar<string>;
        if (names.has(value)) {
          found = { name: value, offset: range?.[0] };
          return walk.BREAK;
        }
        names.add(value);
      }
      return undefined;
    },
  });
  return found;
}
