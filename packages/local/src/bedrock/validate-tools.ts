import {
  arrayAt,
  type JsonObject,
  member,
  objectAt,
  stringAt,
} from "../json.ts";
import { isClaude, type KnownModel, modelError } from "./known-model.ts";
import { refuse } from "./service-error.ts";

/** Refuses tools that a model does not take, or not like this. */
export function validateTools(
  toolConfig: JsonObject | undefined,
  body: JsonObject,
  modelId: string,
  model: KnownModel,
  streaming: boolean,
): void {
  if (toolConfig === undefined) return;
  if (model?.tools === false) refuse("This model doesn't support tool use.");
  if (streaming && model?.streamingTools === false)
    refuse("This model doesn't support tool use in streaming mode.");
  const tools = arrayAt(toolConfig, "tools");
  if (tools.length === 0)
    refuse(
      "The value at toolConfig.tools must have at least one tool. Add a tool and try again.",
    );
  for (const [index, tool] of tools.entries())
    validateTool(tool, index, modelId, model);
  const choice = objectAt(toolConfig, "toolChoice") ?? {};
  for (const kind of ["any", "tool"] as const) {
    if (member(choice, kind) === undefined) continue;
    if (model !== undefined && !forcesTools(model.id, kind))
      refuse(
        `This model doesn't support the toolConfig.toolChoice.${kind} field. Remove toolConfig.toolChoice.${kind} and try again.`,
      );
    const thinking = objectAt(
      member(body, "additionalModelRequestFields"),
      "thinking",
    );
    if (stringAt(thinking, "type") === "enabled")
      modelError(
        "Thinking may not be enabled when tool_choice forces tool use.",
      );
  }
  const forced = stringAt(member(choice, "tool"), "name");
  if (
    forced !== undefined &&
    !tools.some((tool) => stringAt(member(tool, "toolSpec"), "name") === forced)
  )
    refuse(
      `The toolChoice tool name ${forced} does not match any of the tools in toolConfig.tools.`,
    );
}

function validateTool(
  tool: unknown,
  index: number,
  modelId: string,
  model: KnownModel,
): void {
  const spec = objectAt(tool, "toolSpec");
  if (spec === undefined) {
    // What the SDK drops of a tool that has another shape leaves an empty object.
    if (Object.keys(Object(tool)).length === 0)
      refuse(
        `The Tool object at toolConfig.tools.${index} must set one of the following keys: toolSpec, systemTool, cachePoint.`,
      );
    return;
  }
  const name = stringAt(spec, "name") ?? "";
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name))
    refuse(
      `1 validation error detected: Value '${name}' at 'toolConfig.tools.${index}.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+`,
    );
  const schema = member(member(spec, "inputSchema"), "json");
  if (stringAt(schema, "type") !== "object")
    refuse(
      `The value at toolConfig.tools.${index}.toolSpec.inputSchema.json.type must be one of the following: object.`,
    );
  if (
    member(spec, "strict") !== undefined &&
    isClaude(modelId, model) &&
    model?.nativeStructuredOutput === false
  )
    modelError(`tools.${index}.custom.strict: Extra inputs are not permitted`);
}

/** The documentation names Claude and Nova, and Mistral Large for `any`. */
function forcesTools(id: string, kind: "any" | "tool"): boolean {
  return (
    /anthropic\.claude|amazon\.nova/.test(id) ||
    (kind === "any" && /mistral\.mistral-large/.test(id))
  );
}
