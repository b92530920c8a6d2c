import {
  assistant,
  call,
  exchange,
  FIND,
  HI,
  member,
  NOVA,
  type Refusal,
  result,
  SAID,
  THOUGHT,
  text,
  user,
  WORDS,
} from "./refusal.ts";

const BLANK = (path: string) =>
  `The text field in the ContentBlock object at ${path} is blank. Add text to the text field, and try again.`;
const FORMAT = (path: string) =>
  `The format of the value at ${path} is invalid. Provide a json object for the field and try again.`;
const PATTERN = "satisfy regular expression pattern: [a-zA-Z0-9_-]+";
const seen = result(text("seen"));

export const blocks: readonly Refusal[] = [
  {
    what: "text is not blank",
    refused: { messages: [HI, SAID, user(WORDS, text(" \n"))] },
    taken: { messages: [HI, SAID, user(WORDS, text("x"))] },
    text: BLANK("messages.2.content.1"),
  },
  {
    what: "text is not blank on other models either",
    refused: { modelId: NOVA, messages: [user(text(""))] },
    taken: { modelId: NOVA, messages: [user(text("x"))] },
    text: BLANK("messages.0.content.0"),
  },
  {
    what: "text in the result of a tool is not blank",
    refused: exchange(call(), result(text("seen"), text(""))),
    taken: exchange(call(), result(text("seen"), text("(no output)"))),
    text: BLANK("messages.2.content.0.toolResult.content.1"),
  },
  {
    what: "blank text beside something that the service signed is another matter",
    refused: { messages: [HI, assistant(WORDS, text(" ")), HI] },
    taken: { messages: [HI, assistant(THOUGHT, text(" "), WORDS), HI] },
    text: BLANK("messages.1.content.1"),
  },
  {
    what: "so it is beside a thought that nobody may read",
    refused: { messages: [HI, assistant(WORDS, text(" ")), HI] },
    taken: {
      messages: [
        HI,
        assistant(
          { reasoningContent: { redactedContent: new Uint8Array([1]) } },
          text(" "),
        ),
        HI,
      ],
    },
    text: BLANK("messages.1.content.1"),
  },
  {
    what: "the arguments of a call are an object, not text that broke off",
    refused: exchange(call('{"city":"Pa'), seen),
    taken: exchange(call({ invalid: '{"city":"Pa' }), seen),
    text: FORMAT("messages.1.content.0.toolUse.input"),
  },
  ...[["Paris"], "Paris", 7].map(
    (json): Refusal => ({
      what: `JSON in a result is an object, not ${JSON.stringify(json)}`,
      refused: exchange(call(), result({ json })),
      taken: exchange(call(), result({ json: { found: json } })),
      text: FORMAT("messages.2.content.0.toolResult.content.0.json"),
    }),
  ),
  {
    what: "a result has no block without a kind",
    refused: exchange(call(), result({ nonsense: {} })),
    taken: exchange(call(), result({ json: {} })),
    text: "The ToolResultContentBlock object at messages.2.content.0.toolResult.content.0 must set one of the following keys: json, text, image, document, video, searchResult.",
  },
  {
    what: "the name of a call has letters, digits, _ and - only",
    refused: exchange(call({}, "t1", "json<|channel|>commentary"), seen),
    taken: exchange(call({}, "t1", "json"), seen),
    text: member(
      "'json<|channel|>commentary'",
      "messages.2.member.content.1.member.toolUse.name",
      PATTERN,
    ),
  },
  {
    what: "the id of a call has letters, digits, _ and - only",
    refused: {
      messages: [
        HI,
        assistant(call({}, "call|1")),
        user({ toolResult: { toolUseId: "call|1", content: [text("x")] } }),
      ],
      toolConfig: FIND,
    },
    taken: exchange(call(), seen),
    text: member(
      "'call|1'",
      "messages.2.member.content.1.member.toolUse.toolUseId",
      PATTERN,
    ),
  },
  {
    what: "the id of a call is not empty",
    refused: exchange(call({}, ""), seen),
    taken: exchange(call(), seen),
    text: member(
      "''",
      "messages.2.member.content.1.member.toolUse.toolUseId",
      "have length greater than or equal to 1",
    ),
  },
  {
    what: "reasoning has a text, if only an empty one",
    refused: {
      messages: [
        HI,
        assistant(
          // What some answers hold, whatever the types say.
          { reasoningContent: { reasoningText: { signature: "s" } as never } },
          WORDS,
        ),
        HI,
      ],
    },
    taken: {
      messages: [
        HI,
        assistant(
          { reasoningContent: { reasoningText: { text: "", signature: "s" } } },
          WORDS,
        ),
        HI,
      ],
    },
    text: member(
      "null",
      "messages.2.member.content.1.member.reasoningContent.reasoningText.text",
      "not be null",
    ),
  },
];
