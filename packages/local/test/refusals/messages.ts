import { HAIKU, LLAMA } from "../helpers.ts";
import {
  assistant,
  call,
  DEEPSEEK_R1,
  FIND,
  fromModel,
  HI,
  OPUS_4_6,
  OPUS_5,
  type Refusal,
  result,
  SAID,
  THOUGHT,
  text,
  user,
} from "./refusal.ts";

const ALTERNATE =
  "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.";
const ruled = { role: "system" as const, content: [text("Be brief.")] };

export const messages: readonly Refusal[] = [
  {
    what: "two messages of the user in a row are one",
    refused: { messages: [HI, user(text("Well?"))] },
    taken: { messages: [user(text("Hi"), text("Well?"))] },
    text: ALTERNATE,
  },
  {
    what: "two messages of the assistant in a row are one",
    refused: { messages: [HI, SAID, assistant(text("there")), HI] },
    taken: { messages: [HI, assistant(text("Hello"), text("there")), HI] },
    text: ALTERNATE,
  },
  {
    what: "all results of one answer's calls belong into the next message",
    refused: {
      messages: [
        HI,
        assistant(call(), call({}, "t2")),
        user(result(text("seen"))),
        user({ toolResult: { toolUseId: "t2", content: [text("seen")] } }),
      ],
      toolConfig: FIND,
    },
    taken: {
      messages: [
        HI,
        assistant(call(), call({}, "t2")),
        user(result(text("seen")), {
          toolResult: { toolUseId: "t2", content: [text("seen")] },
        }),
      ],
      toolConfig: FIND,
    },
    text: "Expected toolResult blocks at messages.2.content for the following Ids: t2",
  },
  {
    what: "Claude from 4.6 on does not continue an answer",
    refused: { modelId: OPUS_4_6, messages: [HI, SAID] },
    taken: { modelId: HAIKU, messages: [HI, SAID] },
    text: fromModel(
      "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
  },
  {
    what: "messages of the system are for the newest Claude",
    refused: { modelId: OPUS_4_6, messages: [HI, ruled] },
    taken: { modelId: OPUS_5, messages: [HI, ruled] },
    text: fromModel("role 'system' is not supported on this model"),
  },
  {
    what: "messages of the system are for no other model",
    refused: { modelId: LLAMA, messages: [HI, ruled] },
    taken: { modelId: "acme.model-x", messages: [HI, ruled] },
    text: "This model doesn't support system messages. Try again without a system message or use a model that supports system messages.",
  },
  {
    what: "a message of the system is not the first one",
    refused: { modelId: OPUS_5, messages: [ruled, HI] },
    taken: { modelId: OPUS_5, messages: [HI], system: [text("Be brief.")] },
    text: fromModel(
      "messages.0: use the top-level 'system' parameter for the initial system prompt",
    ),
  },
  {
    what: "DeepSeek-R1 does not take its reasoning back",
    refused: {
      modelId: DEEPSEEK_R1,
      messages: [HI, assistant(THOUGHT, text("Hello")), HI],
    },
    taken: { modelId: DEEPSEEK_R1, messages: [HI, SAID, HI] },
    text: "User messages cannot contain reasoning content. Please remove the reasoning content and try again.",
  },
];
