import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isObject } from "@lambdallm/core/feature";
import { installAwslambda } from "../function-url/awslambda.ts";
import type { LambdaHandler } from "../function-url/invocation.ts";
import { startFunctionUrl } from "../function-url/start-function-url.ts";
import { member } from "../json.ts";
import type { FunctionMessage } from "./function-message.ts";

const [file = "", handlerName = "", timeoutMs = ""] = process.argv.slice(2);

function tell(message: FunctionMessage): void {
  process.send?.(message);
}

function exportOf(module: object): LambdaHandler {
  const inner = member({ ...module }, "default");
  const found = Reflect.get(module, handlerName) ?? member(inner, handlerName);
  if (typeof found === "function") return found as LambdaHandler;
  const names = Object.keys({ ...module, ...(isObject(inner) ? inner : {}) });
  const list = names.length === 0 ? "nothing" : names.join(", ");
  throw new Error(
    found === undefined
      ? `${file} has no export "${handlerName}"; it exports ${list}. Name the handler with --handler.`
      : `The export "${handlerName}" of ${file} is no function.`,
  );
}

async function load(): Promise<LambdaHandler | undefined> {
  try {
    return exportOf((await import(pathToFileURL(file).href)) as object);
  } catch (error) {
    process.stderr.write(
      `The function could not be loaded; it starts again when a file changes.\n${
        error instanceof Error ? error.stack : error
      }\n`,
    );
    return undefined;
  }
}

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    if (
      resolved.url.startsWith("file:") &&
      !resolved.url.includes("/node_modules/")
    )
      tell({ kind: "file", path: fileURLToPath(resolved.url) });
    return resolved;
  },
});

// Ctrl-C reaches the whole process group; the command ends this process itself.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());

installAwslambda();
const handler = await load();
const front = await startFunctionUrl(
  handler ??
    (() => {
      throw new Error("The function could not be loaded.");
    }),
  {
    timeoutMs: Number(timeoutMs),
    // The command ends this process at the deadline, so that no request can meet it afterwards.
    graceMs: 60_000,
  },
);
tell({ kind: "ready", port: front.port, failed: handler === undefined });
