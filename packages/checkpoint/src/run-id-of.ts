import { headerOf } from "@lambdallm/core";

/** The run that an event asks for: by its header, in its body, or, of an event that has no body, by itself. */
export function runIdOf(event: unknown): unknown {
  const { body = event, isBase64Encoded } = Object(event);
  return (
    headerOf(event, "x-run-id") ??
    Object(typeof body === "string" ? parsed(body, isBase64Encoded) : body)
      .runId
  );
}

/** What nobody has parsed yet. A run whose id is overlooked would be begun once more. */
function parsed(body: string, isBase64Encoded: unknown): unknown {
  try {
    return JSON.parse(
      isBase64Encoded === true ? Buffer.from(body, "base64").toString() : body,
    );
  } catch {
    return undefined;
  }
}
