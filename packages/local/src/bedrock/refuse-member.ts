import { refuse } from "./service-error.ts";

/**
 * A refusal by the description of the service's API, which counts the members of lists from 1.
 *
 * @param value as the service writes it
 * @param path such as `messages.0.content.1.toolUse.name`
 */
export function refuseMember(value: string, path: string, rule: string): never {
  const place = path.replace(
    /\.(\d+)/g,
    (_, index: string) => `.${Number(index) + 1}.member`,
  );
  refuse(
    `1 validation error detected: Value ${value} at '${place}' failed to satisfy constraint: Member must ${rule}`,
  );
}

/** Refuses a text that is too short, too long, or has other characters than it may. */
export function checkText(
  text: string,
  path: string,
  limits: { readonly pattern?: string; readonly maxLength?: number } = {},
): void {
  const { pattern, maxLength = Number.POSITIVE_INFINITY } = limits;
  const value = `'${text}'`;
  if (text === "")
    refuseMember(value, path, "have length greater than or equal to 1");
  if (text.length > maxLength)
    refuseMember(value, path, `have length less than or equal to ${maxLength}`);
  if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(text))
    refuseMember(value, path, `satisfy regular expression pattern: ${pattern}`);
}

/**
 * Names of tools and ids of their calls. A newer edition of the reference has `.` and `:` in ids, too; whoever keeps to this
 * one is taken either way.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html
 */
export const TOOL_NAME = { pattern: "[a-zA-Z0-9_-]+", maxLength: 64 };
