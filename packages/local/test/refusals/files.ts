import {
  assistant,
  call,
  exchange,
  FIND,
  fromModel,
  member,
  NOVA,
  type Refusal,
  result,
  SAID,
  user,
  WORDS,
} from "./refusal.ts";

const image = {
  image: { format: "png" as const, source: { bytes: new Uint8Array([1]) } },
};
const images = (count: number) => Array.from({ length: count }, () => image);
const document = (name: string) => ({
  document: {
    name,
    format: "pdf" as const,
    source: { bytes: new Uint8Array([1]) },
  },
});
const documents = (...names: string[]) => ({
  messages: [user(WORDS, ...names.map(document))],
});
const NAME =
  "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request.";
const DUPLICATE =
  "Messages can't contain duplicate document names. Rename the document and retry your request.";

export const files: readonly Refusal[] = [
  ...["report.pdf", "résumé", "a  b", "a\tb", "John's"].map(
    (name): Refusal => ({
      what: `a document is not called ${JSON.stringify(name)}`,
      refused: documents(name),
      taken: documents("A report (1) [final]-2"),
      text: NAME,
    }),
  ),
  {
    what: "a document in the result of a tool is not called so either",
    refused: exchange(call(), result(document("report.pdf"))),
    taken: exchange(call(), result(document("report"))),
    text: NAME,
  },
  {
    what: "a document has a name",
    refused: documents(""),
    taken: documents("a"),
    text: member(
      "''",
      "messages.1.member.content.2.member.document.name",
      "have length greater than or equal to 1",
    ),
  },
  {
    what: "the name of a document is not endless",
    refused: documents("n".repeat(201)),
    taken: documents("n".repeat(200)),
    text: member(
      `'${"n".repeat(201)}'`,
      "messages.1.member.content.2.member.document.name",
      "have length less than or equal to 200",
    ),
  },
  {
    what: "two documents of a message have two names",
    refused: documents("a", "a"),
    taken: documents("a", "b"),
    text: DUPLICATE,
  },
  {
    what: "so have those of two messages, results of tools included",
    refused: {
      messages: [
        user(WORDS, document("a")),
        assistant(call()),
        user(result(document("a"))),
      ],
      toolConfig: FIND,
    },
    taken: {
      messages: [
        user(WORDS, document("a")),
        assistant(call()),
        user(result(document("b"))),
      ],
      toolConfig: FIND,
    },
    text: DUPLICATE,
  },
  {
    what: "a document comes with text",
    refused: { messages: [user(document("a"))] },
    taken: { messages: [user(document("a"), WORDS)] },
    text: "A text block must be included when using documents. Add a text block and retry your request.",
  },
  {
    what: "there are five documents at most",
    refused: documents("1", "2", "3", "4", "5", "6"),
    taken: documents("1", "2", "3", "4", "5"),
    text: "You can't include more than 5 documents in a request. Reduce the number of documents and retry your request.",
  },
  {
    what: "there are twenty images at most in a message",
    refused: { messages: [user(...images(21))] },
    taken: { messages: [user(...images(20)), SAID, user(...images(20))] },
    text: fromModel("too many images and documents: 21 + 0 > 20"),
  },
  {
    what: "an image in the result of a tool needs a model that reads images",
    refused: {
      ...exchange(call(), result(image)),
      modelId: "us.amazon.nova-micro-v1:0",
    },
    taken: { ...exchange(call(), result(image)), modelId: NOVA },
    text: "This model doesn't support the image content block. Remove the image and try again.",
  },
];
