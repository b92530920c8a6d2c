import { describe, expect, test } from "@jest/globals";
import { type ContentBlock, costOf, type Message } from "@lambdallm/core";
import {
  estimateRequestTokens,
  estimateTextTokens,
} from "@lambdallm/core/feature";

const MEGABYTE = 1_000_000;
const s3Location = { uri: "s3://bucket/file" };

/** Blocks as they come, also those that our types do not allow. */
const request = (...content: readonly object[]) => ({
  messages: [{ role: "user", content: content as ContentBlock[] }] as Message[],
});
const tokensOf = (...content: readonly object[]) =>
  estimateRequestTokens(request(...content));

const file = (kind: string, format: string, size: number | Uint8Array) => ({
  [kind]: {
    format,
    source: { bytes: typeof size === "number" ? new Uint8Array(size) : size },
  },
});

/** As a PDF looks that does not compress its page objects. */
function pdfOf(pages: number, padding = 0): Uint8Array {
  const kids = Array.from({ length: pages }, (_, index) => `${index + 3} 0 R`);
  const objects = [
    "%PDF-1.4",
    "1 0 obj << /Type /Catalog /Pages 2 0 R /PageMode /UseNone /PageLabels 9 0 R >> endobj",
    `2 0 obj << /Type /Pages /Kids [${kids.join(" ")}] /Count ${pages} >> endobj`,
    ...kids.map((kid, index) =>
      index % 2 === 0
        ? `${kid}bj << /Type /Page /Parent 2 0 R >> endobj`
        : `${kid}bj <</Type/Page/Parent 2 0 R>> endobj`,
    ),
    "<< /Dest /Page >>",
    "x".repeat(padding),
  ];
  return Buffer.from(objects.join("\n"));
}

const PAGE_TOKENS = 2_333;

describe("An estimate of a file is by its kind, not by its bytes", () => {
  test.each([
    ["a small image", file("image", "png", 100), 1_600],
    ["a large image", file("image", "png", 5 * MEGABYTE), 1_600],
    ["ten seconds of video", file("video", "mp4", 2_500_000), 2_880],
    ["more video than a model looks at", file("video", "mp4", 1e9), 276_480],
    ["eight seconds of speech", file("audio", "mp3", 128_000), 100],
    ["eight seconds as a wave", file("audio", "wav", 256_000), 100],
    ["more speech than a model listens to", file("audio", "mp3", 1e8), 30_000],
    ["a letter", file("document", "docx", 8_000), 700],
    ["a letter of the last century", file("document", "doc", 30_000), 1_400],
    ["a large letter", file("document", "docx", 4_500_000), 70_000],
    ["a table", file("document", "xlsx", 2_800), 700],
    ["an old table", file("document", "xls", 5_600), 700],
    ["a web page", file("document", "html", 2_800), 700],
    ["an empty file", file("document", "docx", 0), 700],
    ["a format of tomorrow", file("document", "odt", 400), 100],
    ["much of it", file("document", "odt", 25 * MEGABYTE), 100_000],
    ["a block of tomorrow", { hologram: { bytes: new Uint8Array(400) } }, 100],
    [
      "thoughts that nobody can read",
      { reasoningContent: { redactedContent: new Uint8Array(400) } },
      100,
    ],
  ])("%s", (_name, block, tokens) => {
    expect(tokensOf(block)).toBe(tokens);
    // None of them is certain enough to say that a request is too long.
    expect(estimateTextTokens(request(block))).toBe(0);
  });

  test.each([
    ["image", "png", 1_600],
    ["video", "mp4", 60 * 288],
    ["audio", "mp3", 60 * 12.5],
    ["document", "pdf", 10 * PAGE_TOKENS],
    ["document", "docx", 7_000],
    ["document", "txt", 7_000],
    ["document", "odt", 7_000],
  ])(
    "in S3, where nobody tells its size: %s of the format %s",
    (kind, format, tokens) => {
      const block = { [kind]: { format, source: { s3Location } } };
      expect(tokensOf(block)).toBe(tokens);
      expect(estimateTextTokens(request(block))).toBe(0);
    },
  );

  test.each(["txt", "md", "csv"])(
    "%s is text, and counts as text does",
    (format) => {
      const bytes = Buffer.from(`${"x".repeat(400)}日本`);
      const block = file("document", format, bytes);
      expect(tokensOf(block)).toBe(102);
      expect(estimateTextTokens(request(block))).toBe(102);
    },
  );

  test("of a file in a larger buffer only its own bytes count", () => {
    const pool = Buffer.from(`${"x".repeat(100)}abcd${"x".repeat(100)}`);
    expect(tokensOf(file("document", "txt", pool.subarray(100, 104)))).toBe(1);
    const pdf = Buffer.concat([Buffer.from("before"), pdfOf(3)]);
    expect(tokensOf(file("document", "pdf", pdf.subarray(6)))).toBe(
      3 * PAGE_TOKENS,
    );
  });

  test("a document of texts is those, and its name and context are read", () => {
    const text = "x".repeat(40);
    const documentOf = (source: object) => ({
      document: { name: text, context: text, format: "pdf", source },
    });
    const pages = documentOf({ bytes: pdfOf(2) });
    expect(tokensOf(documentOf({ text }))).toBe(31);
    expect(tokensOf(documentOf({ content: [{ text }, { text }] }))).toBe(41);
    expect(tokensOf(pages)).toBe(2 * PAGE_TOKENS + 20);
    expect(estimateTextTokens(request(pages))).toBe(20);
  });

  test("files count wherever they are: in tool results, in guarded content", () => {
    const image = file("image", "png", 1);
    expect(
      tokensOf(
        { toolResult: { toolUseId: "", content: [image, image] } },
        { guardContent: image },
      ),
    ).toBe(3 * 1_600);
  });

  test("what only has the name of a file is none", () => {
    expect(
      tokensOf(
        { toolUse: { toolUseId: "", name: "", input: { image: "abcd" } } },
        { image: null },
        { video: "abcd" },
        { document: { source: null, name: "abcd" } },
        { audio: 5 },
      ),
    ).toBe(3);
  });
});

describe("The pages of a PDF", () => {
  const pagesOf = (bytes: Uint8Array) =>
    tokensOf(file("document", "pdf", bytes)) / PAGE_TOKENS;

  test.each([1, 2, 57, 100])("are counted: %d", (pages) => {
    expect(pagesOf(pdfOf(pages))).toBe(pages);
    expect(pagesOf(pdfOf(pages, 3 * MEGABYTE))).toBe(pages);
  });

  test("are those that a linearized one says it has", () => {
    const head = "%PDF-1.5\n1 0 obj\n<< /Linearized 1 /L 9000 /N 34 /T 8000 >>";
    expect(pagesOf(Buffer.from(head))).toBe(34);
    expect(pagesOf(Buffer.concat([Buffer.from(head), pdfOf(2)]))).toBe(34);
  });

  test("are guessed from the size where they are packed away", () => {
    expect(pagesOf(new Uint8Array(10))).toBe(1);
    expect(pagesOf(new Uint8Array(500_000))).toBe(10);
  });

  test("are never more than a model reads", () => {
    expect(pagesOf(pdfOf(5_000))).toBe(100);
    expect(pagesOf(new Uint8Array(50 * MEGABYTE))).toBe(100);
    expect(pagesOf(Buffer.from("%PDF-1.5 << /Linearized 1 /N 999999 >>"))).toBe(
      100,
    );
  });

  test("cost cents, not dollars, when the service did not report its usage", () => {
    const pdf = file("document", "pdf", new Uint8Array(5 * MEGABYTE));
    const inputTokens = tokensOf(pdf, { text: "What is in it?" });
    const costUsd = costOf({
      model: "anthropic.claude-haiku-4-5-20251001-v1:0",
      usage: {
        inputTokens,
        outputTokens: 0,
        totalTokens: inputTokens,
        cacheReadInputTokens: 0,
        cacheWriteInputTokens: 0,
      },
    });
    expect(costUsd).toBeGreaterThan(0.01);
    expect(costUsd).toBeLessThan(0.5);
  });
});

describe("What is nested", () => {
  test.each(["object", "list"])(
    "20,000 levels deep is counted like anything else: %s",
    (kind) => {
      let input: object = { text: "abcd" };
      for (let level = 0; level < 20_000; level++)
        input = kind === "object" ? { deeper: input } : [input];
      expect(
        tokensOf(
          { toolUse: { toolUseId: "abcd", name: "abcd", input } },
          { toolResult: { toolUseId: "abcd", content: [{ json: input }] } },
        ),
      ).toBe(5);
    },
  );

  test("in itself is counted once, and what only comes twice is counted twice", () => {
    const twice = { text: "abcd" };
    const circle: Record<string, unknown> = { twice, again: [twice] };
    circle["self"] = circle;
    circle["list"] = [circle, "abcd"];
    expect(
      tokensOf({ toolUse: { toolUseId: "", name: "", input: circle } }),
    ).toBe(3);
  });
});
