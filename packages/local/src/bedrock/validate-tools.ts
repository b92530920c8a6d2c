import {
  arrayAt,
  type JsonObject,
  member,
  objectAt,
  stringAt,
} from "../json.ts";
import {
  type Checked,
  isClaudeModel,
  isConverse,
  isNovaModel,
  modelError,
} from "./known-model.ts";
import { checkText, TOOL_NAME } from "./refuse-member.ts";
import { refuse } from "./service-error.ts";

const COMBINATORS = ["oneOf", "allOf", "anyOf"];

/**
 * All that Nova took at the top of a schema in 2025. Whether it still does is not known; who keeps to it is taken.
 *
 * @see https://github.com/pydantic/pydantic-ai/issues/1623
 */
const NOVA_TOP = ["type", "properties", "required"];

/** Refuses tools that a model does not take, or not like this. */
export function validateTools(request: Checked): void {
  const { body, model, operation } = request;
  const toolConfig = objectAt(body, "toolConfig");
  if (toolConfig === undefined) return;
  if (model?.tools === false) refuse("This model doesn't support tool use.");
  if (operation === "ConverseStream" && model?.streamingTools === false)
    refuse("This model doesn't support tool use in streaming mode.");
  const tools = arrayAt(toolConfig, "tools");
  if (tools.length === 0)
    refuse(
      "The value at toolConfig.tools must have at least one tool. Add a tool and try again.",
    );
  for (const [index, tool] of tools.entries())
    validateTool(tool, index, request);
  validateChoice(objectAt(toolConfig, "toolChoice"), tools, request);
}

function validateChoice(
  choice: JsonObject | undefined,
  tools: readonly unknown[],
  { model }: Checked,
): void {
  const kinds = [
    ["any", model?.toolChoiceAny],
    ["tool", model?.toolChoiceTool],
  ] as const;
  for (const [kind, isTaken] of kinds)
    if (member(choice, kind) !== undefined && isTaken === false)
      refuse(
        `This model doesn't support the toolConfig.toolChoice.${kind} field. Remove toolConfig.toolChoice.${kind} and try again.`,
      );
  const forced = stringAt(member(choice, "tool"), "name");
  if (forced === undefined) return;
  checkText(forced, "toolConfig.toolChoice.tool.name", TOOL_NAME);
  if (
    !tools.some((tool) => stringAt(member(tool, "toolSpec"), "name") === forced)
  )
    refuse(
      `The toolChoice tool name ${forced} does not match any of the tools in toolConfig.tools.`,
    );
}

function validateTool(tool: unknown, index: number, request: Checked): void {
  const spec = objectAt(tool, "toolSpec");
  if (spec === undefined) {
    // What the SDK drops of a tool that has another shape leaves an empty object.
    if (Object.keys(Object(tool)).length === 0)
      refuse(
        `The Tool object at toolConfig.tools.${index} must set one of the following keys: toolSpec, systemTool, cachePoint.`,
      );
    return;
  }
  const path = `toolConfig.tools.${index}.toolSpec`;
  checkText(stringAt(spec, "name") ?? "", `${path}.name`, TOOL_NAME);
  const description = stringAt(spec, "description");
  // The native API of Claude takes an empty one. Of one that is blank only, the text is not known.
  if (description !== undefined && isConverse(request))
    checkText(description.trim(), `${path}.description`);
  const schema = objectAt(member(spec, "inputSchema"), "json");
  if (schema === undefined || stringAt(schema, "type") !== "object")
    refuse(
      `The value at ${path}.inputSchema.json.type must be one of the following: object.`,
    );
  validateSchema(schema, index, request);
  if (
    member(spec, "strict") !== undefined &&
    isClaudeModel(request) &&
    request.model?.nativeStructuredOutput === false
  )
    modelError(`tools.${index}.custom.strict: Extra inputs are not permitted`);
}

function validateSchema(
  schema: JsonObject,
  index: number,
  request: Checked,
): void {
  const keys = Object.keys(schema);
  if (isClaudeModel(request) && keys.some((key) => COMBINATORS.includes(key)))
    modelError(
      `tools.${index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`,
    );
  const extraneous = keys.find((key) => !NOVA_TOP.includes(key));
  // In the words of what Nova says of other keys that it does not know.
  if (isNovaModel(request) && extraneous !== undefined)
    modelError(
      `Malformed input request: #/toolConfig/tools/${index}/toolSpec/inputSchema/json: extraneous key [${extraneous}] is not permitted, please reformat your input and try again.`,
    );
}
