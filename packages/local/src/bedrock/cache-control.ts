import { arrayAt, defined, type JsonObject, objectAt } from "../json.ts";

/**
 * A native body as Converse, with a cache point behind each block that has Anthropic's `cache_control`. Both have the same
 * blocks at the same places; a text in place of blocks has no such member.
 */
export function withCachePoints(
  native: JsonObject,
  converse: JsonObject,
): JsonObject {
  const nativeMessages = arrayAt(native, "messages");
  const toolConfig = objectAt(converse, "toolConfig");
  return {
    ...converse,
    ...(toolConfig !== undefined && {
      toolConfig: {
        ...toolConfig,
        tools: pointed(arrayAt(native, "tools"), arrayAt(toolConfig, "tools")),
      },
    }),
    system: pointed(arrayAt(native, "system"), arrayAt(converse, "system")),
    messages: arrayAt(converse, "messages").map((message, index) => ({
      ...Object(message),
      content: pointed(
        arrayAt(nativeMessages[index], "content"),
        arrayAt(message, "content"),
      ),
    })),
  };
}

function pointed(
  native: readonly unknown[],
  converse: readonly unknown[],
): readonly unknown[] {
  return converse.flatMap((block, index) => {
    const control = objectAt(native[index], "cache_control");
    if (control === undefined) return [block];
    const { ttl } = control;
    return [block, { cachePoint: defined({ type: "default", ttl }) }];
  });
}
