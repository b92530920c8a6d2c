import { arrayAt, member, objectAt, stringAt } from "../json.ts";
import { type Checked, isNovaModel, modelError } from "./known-model.ts";
import { refuse, ServiceError } from "./service-error.ts";

/** https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html */
const MAX_POINTS = 4;

interface List {
  readonly path: string;
  readonly blocks: readonly unknown[];
}

/** Refuses cache points on models without, and where nothing can be cached. */
export function validateCachePoints(request: Checked): void {
  const { body, model } = request;
  const lists = listsOf(body).filter(({ blocks }) => blocks.some(isPoint));
  if (model === undefined || lists.length === 0) return;
  if (model.promptCaching === false)
    throw new ServiceError("AccessDeniedException", {
      message:
        "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.",
    });
  for (const list of lists) validateList(list, request);
  const points = lists.flatMap(pointsOf);
  if (points.length > MAX_POINTS)
    modelError(
      `A maximum of ${MAX_POINTS} blocks with cache_control may be provided. Found ${points.length}.`,
    );
  validateOrder(points);
}

/** The parts of a prompt in the order of the prompt. */
function listsOf(body: Checked["body"]): readonly List[] {
  return [
    { path: "tools", blocks: arrayAt(member(body, "toolConfig"), "tools") },
    { path: "system", blocks: arrayAt(body, "system") },
    ...arrayAt(body, "messages").map((message, index) => ({
      path: `messages.${index}.content`,
      blocks: arrayAt(message, "content"),
    })),
  ];
}

function isPoint(block: unknown): boolean {
  return objectAt(block, "cachePoint") !== undefined;
}

function validateList({ path, blocks }: List, request: Checked): void {
  for (const [index, block] of blocks.entries()) {
    if (!isPoint(block)) continue;
    if (path === "tools" && isNovaModel(request))
      modelError(
        `Malformed input request: #/toolConfig/tools/${index}: extraneous key [cachePoint] is not permitted, please reformat your input and try again.`,
      );
    const before = blocks[index - 1];
    if (before === undefined)
      refuse(
        "There is nothing available to cache. Please remove the invalid cache point and try again.",
      );
    if (member(before, "reasoningContent") !== undefined)
      refuse(
        "Cache point cannot be inserted after reasoning block. Please remove the invalid cache point and try again.",
      );
  }
}

interface Point {
  /** Of the block in front of it, which the model knows it by. */
  readonly path: string;
  readonly ttl: string;
}

function pointsOf({ path, blocks }: List): readonly Point[] {
  return blocks.flatMap((block, index) => {
    if (!isPoint(block)) return [];
    const ttl = stringAt(member(block, "cachePoint"), "ttl") ?? "5m";
    return [{ path: `${path}.${index - 1}`, ttl }];
  });
}

function validateOrder(points: readonly Point[]): void {
  const short = points.findIndex(({ ttl }) => ttl === "5m");
  const late = points.find(({ ttl }, index) => ttl === "1h" && index > short);
  if (short >= 0 && late !== undefined)
    modelError(
      `${late.path}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: \`tools\`, \`system\`, \`messages\`.`,
    );
}
