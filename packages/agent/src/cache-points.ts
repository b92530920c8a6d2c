import {
  type CachePoint,
  type ContentBlock,
  findModel,
  type Message,
} from "@lambdallm/core";
import { isClaude, isNova, type ModelRequest } from "@lambdallm/core/feature";

/** https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html */
const MOST_POINTS = 4;

type Ttl = "5m" | "1h";

type Cacheable = Pick<ModelRequest, "model" | "messages" | "system" | "tools">;

export interface CachePointOptions {
  /**
   * How long tools and system prompt are kept since they were last read, on models that know an hour. Messages are kept for
   * five minutes.
   *
   * @default "5m"
   */
  readonly ttl?: Ttl | undefined;
}

/**
 * A request with cache points where the next one of the same conversation begins to differ: behind the tools, behind the system
 * prompt, and behind the last two messages of the user, of which the first is where the request before had its last point.
 *
 * A list (tools, system, messages) with points of the caller's own stays as it is. Only Claude and Nova get points: other
 * models cache by themselves, or not at all.
 */
export function placeCachePoints<Request extends Cacheable>(
  request: Request,
  { ttl = "5m" }: CachePointOptions = {},
): Request {
  const info = findModel(request.model);
  if (info?.promptCaching !== true) return request;
  if (!isClaude(info.id) && !isNova(info.id)) return request;
  const { tools = [], system = [], messages } = request;
  const own = {
    tools: ttlsIn(tools),
    system: ttlsIn(system),
    messages: messages.flatMap(({ content }) => ttlsIn(content)),
  };
  const [last, previous] = own.messages.length > 0 ? [] : placesIn(messages);
  const canSystem = system.length > 0 && own.system.length === 0;
  const canTools =
    tools.length > 0 && own.tools.length === 0 && !isNova(info.id);
  // What saves most comes first: what is in front of the system prompt's point has the tools in it.
  const places = [last, canSystem && "system", previous, canTools && "tools"]
    .filter((place) => place !== undefined && place !== false)
    .slice(0, MOST_POINTS - Object.values(own).flat().length);

  const knowsHour = info.prices?.cacheWrite1h !== undefined;
  const hasHour = own.messages.includes("1h") || (knowsHour && ttl === "1h");
  // Times may not grow from tools to system to messages.
  const toolsTtl = hasHour || own.system.includes("1h") ? "1h" : "5m";
  const systemTtl = hasHour && !own.tools.includes("5m") ? "1h" : "5m";
  return {
    ...request,
    ...(places.includes("tools") && { tools: [...tools, point(toolsTtl)] }),
    ...(places.includes("system") && { system: [...system, point(systemTtl)] }),
    messages: messages.map((message, index) => {
      const place = places.find((one) => Object(one).index === index);
      return typeof place === "object" ? withPoint(message, place) : message;
    }),
  };
}

function ttlsIn(blocks: readonly object[]): readonly Ttl[] {
  return blocks.flatMap((block) =>
    "cachePoint" in block ? [Object(block.cachePoint).ttl ?? "5m"] : [],
  );
}

function point(ttl: Ttl): { readonly cachePoint: CachePoint } {
  // Models that do not know an hour may not know the word either.
  return { cachePoint: { type: "default", ...(ttl === "1h" && { ttl }) } };
}

interface Place {
  /** Of a message. */
  readonly index: number;
  /** The number of its blocks in front of the point. */
  readonly position: number;
}

/** Behind the results of each of the user's messages, or behind all of one without. The last comes first. */
function placesIn(messages: readonly Message[]): readonly Place[] {
  return messages
    .map(({ role, content }, index) => ({
      index,
      position: role === "user" ? positionIn(content) : 0,
    }))
    .filter(({ position }) => position > 0)
    .reverse();
}

/** What stands behind the results, such as how many steps are left, may be said in this request only. */
function positionIn(content: readonly ContentBlock[]): number {
  const results = content.findLastIndex((block) => "toolResult" in block) + 1;
  const position = results || content.length;
  // The service takes no point behind a thought.
  return "reasoningContent" in Object(content[position - 1]) ? 0 : position;
}

function withPoint(message: Message, { position }: Place): Message {
  return {
    ...message,
    content: message.content.toSpliced(position, 0, point("5m")),
  };
}
