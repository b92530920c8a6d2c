import { ServiceError } from "../bedrock/service-error.ts";
import { member, parseJson, stringAt } from "../json.ts";

export interface Upstream {
  /** Base URL, such as `http://127.0.0.1:11434/v1`. */
  readonly url: string;
  readonly model?: string | undefined;
  readonly apiKey?: string | undefined;
}

/** Sends a chat request; every failure becomes an error of the service. */
export async function postChat(
  { url, apiKey }: Upstream,
  body: object,
  signal: AbortSignal,
): Promise<Response> {
  const target = `${url.replace(/\/+$/, "")}/chat/completions`;
  let response: Response;
  try {
    response = await fetch(target, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    throw new ServiceError("ServiceUnavailableException", {
      message: `The upstream ${target} cannot be reached: ${reasonOf(error)}`,
      cause: error,
    });
  }
  if (response.ok) return response;
  throw await refusalOf(response, target);
}

function reasonOf(error: unknown): string {
  const cause = member(error, "cause");
  return stringAt(cause, "code") ?? String(error);
}

async function refusalOf(
  response: Response,
  target: string,
): Promise<ServiceError> {
  const text = await response.text();
  const said = member(parseJson(text), "error");
  const detail =
    (typeof said === "string" ? said : stringAt(said, "message")) ??
    text.slice(0, 500);
  const message = `The upstream ${target} answered ${response.status}: ${detail}`;
  const retryAfterSeconds = Number(response.headers.get("retry-after") ?? NaN);
  if (response.status === 429)
    return new ServiceError("ThrottlingException", {
      message,
      ...(Number.isFinite(retryAfterSeconds) && { retryAfterSeconds }),
    });
  if (response.status >= 500)
    return new ServiceError("ServiceUnavailableException", { message });
  if (response.status === 401 || response.status === 403)
    return new ServiceError("AccessDeniedException", { message });
  if (response.status === 404)
    return new ServiceError("ResourceNotFoundException", { message });
  return new ServiceError("ValidationException", { message });
}
