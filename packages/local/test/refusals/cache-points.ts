import { LLAMA } from "../helpers.ts";
import {
  assistant,
  FIND,
  fromModel,
  GPT,
  HI,
  NOVA,
  type Refusal,
  SAID,
  THOUGHT,
  user,
  WORDS,
} from "./refusal.ts";

const point = (ttl?: "5m" | "1h") => ({
  cachePoint: { type: "default" as const, ...(ttl && { ttl }) },
});
const NOTHING =
  "There is nothing available to cache. Please remove the invalid cache point and try again.";

export const cachePoints: readonly Refusal[] = [
  {
    what: "a message is more than a cache point",
    refused: { messages: [HI, SAID, user(point())] },
    taken: { messages: [HI, SAID, user(WORDS, point())] },
    text: NOTHING,
  },
  {
    what: "a cache point of a message has something before it there",
    refused: { messages: [user(point(), WORDS)] },
    taken: { messages: [user(WORDS, point())] },
    text: NOTHING,
  },
  {
    what: "so has one of the system prompt",
    refused: { system: [point(), WORDS] },
    taken: { system: [WORDS, point()] },
    text: NOTHING,
  },
  {
    what: "so has one of the tools",
    refused: { toolConfig: { tools: [point(), ...FIND.tools] } },
    taken: { toolConfig: { tools: [...FIND.tools, point()] } },
    text: NOTHING,
  },
  {
    what: "no cache point follows a thought",
    refused: { messages: [HI, assistant(THOUGHT, point()), HI] },
    taken: { messages: [HI, assistant(THOUGHT, WORDS, point()), HI] },
    text: "Cache point cannot be inserted after reasoning block. Please remove the invalid cache point and try again.",
  },
  {
    what: "there are four cache points at most, wherever they are",
    refused: {
      toolConfig: { tools: [...FIND.tools, point()] },
      system: [WORDS, point()],
      messages: [user(WORDS, point(), WORDS, point(), WORDS, point())],
    },
    taken: {
      toolConfig: { tools: [...FIND.tools, point()] },
      system: [WORDS, point()],
      messages: [user(WORDS, point(), WORDS, point())],
    },
    text: fromModel(
      "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
  },
  {
    what: "cache points of an hour come first",
    refused: {
      system: [WORDS, point()],
      messages: [user(WORDS, WORDS, point("1h"))],
    },
    taken: {
      system: [WORDS, point("1h")],
      messages: [user(WORDS, WORDS, point("5m"))],
    },
    text: fromModel(
      "messages.0.content.1.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
    ),
  },
  {
    what: "Nova's tools have no cache points",
    refused: {
      modelId: NOVA,
      toolConfig: { tools: [...FIND.tools, point()] },
    },
    taken: { modelId: NOVA, system: [WORDS, point()], toolConfig: FIND },
    text: fromModel(
      "Malformed input request: #/toolConfig/tools/1: extraneous key [cachePoint] is not permitted, please reformat your input and try again.",
    ),
  },
  {
    what: "a model that does not cache takes no cache points",
    refused: { modelId: LLAMA, messages: [user(WORDS, point())] },
    taken: { modelId: GPT, messages: [user(WORDS, point())] },
    text: "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.",
    error: "AccessDeniedException",
  },
];
