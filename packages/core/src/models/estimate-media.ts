/** A part of a request whose tokens its bytes do not tell. */
export interface RequestFile {
  readonly kind: "image" | "document" | "video" | "audio" | "other";
  /** As the block says it, such as `pdf`. */
  readonly format?: unknown;
  /** Undefined where the service reads the file itself, from S3. */
  readonly bytes: Uint8Array | undefined;
}

/** Tokens are counted by a unit, and the units are guessed from the size where the file does not say how many it has. */
interface Figures {
  readonly tokensPerUnit: number;
  readonly bytesPerUnit: number;
  /** What a model reads at most: a file may have more, and is then cut or refused. */
  readonly mostUnits: number;
  /** Of a file in S3, whose size nobody tells. */
  readonly unitsInS3: number;
}

/** Claude's figure, (width x height) / 750, at the size that it scales an image to. */
const IMAGE: Figures = {
  tokensPerUnit: 1_600,
  bytesPerUnit: Number.POSITIVE_INFINITY,
  mostUnits: 1,
  unitsInS3: 1,
};

/**
 * Pages. 7,000 tokens for three of them, read with their pictures; a scanned page has 1,500 to 3,000. Where a model gets the
 * text only, it is a seventh of that. Claude reads 100 pages at most.
 *
 * @see https://platform.claude.com/docs/en/build-with-claude/pdf-support
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-api-restrictions.html
 */
const PDF: Figures = {
  tokensPerUnit: 2_333,
  bytesPerUnit: 50_000,
  mostUnits: 100,
  unitsInS3: 10,
};

/** Pages of 500 words; our own guess, as is what one needs in a format. */
const TEXT_PAGES = {
  tokensPerUnit: 700,
  mostUnits: 100,
  unitsInS3: 10,
};

/** By format. What is text is counted as such where its bytes are there, except for HTML, whose mark-up may be left out. */
const DOCUMENTS: ReadonlyMap<unknown, Figures> = new Map([
  ["pdf", PDF],
  ["docx", { ...TEXT_PAGES, bytesPerUnit: 8_000 }],
  ["doc", { ...TEXT_PAGES, bytesPerUnit: 15_000 }],
  // Compressed cells are about as dense as text; binary ones are half as dense.
  ["xlsx", { ...TEXT_PAGES, bytesPerUnit: 2_800 }],
  ["xls", { ...TEXT_PAGES, bytesPerUnit: 5_600 }],
  ...["html", "txt", "md", "csv"].map(
    (format) => [format, { ...TEXT_PAGES, bytesPerUnit: 2_800 }] as const,
  ),
]);

/** Cipher text, and whatever this version does not know: bytes as text. */
const OTHER: Figures = {
  tokensPerUnit: 1,
  bytesPerUnit: 4,
  mostUnits: 100_000,
  unitsInS3: 7_000,
};

/**
 * Seconds. Nova looks at one frame a second, of 288 tokens (2,880 for ten seconds), and at 960 frames of anything longer
 * than 16 minutes. The bytes are those of 2 Mbit/s.
 *
 * @see https://docs.aws.amazon.com/nova/latest/userguide/modalities-video.html
 */
const VIDEO: Figures = {
  tokensPerUnit: 288,
  bytesPerUnit: 250_000,
  mostUnits: 960,
  unitsInS3: 60,
};

/**
 * Seconds. Voxtral makes a token of 80 ms, and listens to 40 minutes at most. The bytes are those of 128 kbit/s; without
 * compression, those of 16 bits at 16 kHz.
 *
 * @see https://huggingface.co/mistralai/Voxtral-Mini-3B-2507
 */
const AUDIO: Figures = {
  tokensPerUnit: 12.5,
  bytesPerUnit: 16_000,
  mostUnits: 2_400,
  unitsInS3: 60,
};
const UNCOMPRESSED_AUDIO: Figures = { ...AUDIO, bytesPerUnit: 32_000 };
const UNCOMPRESSED: ReadonlySet<unknown> = new Set(["wav", "pcm", "flac"]);

/**
 * Tokens of a file, about. Good enough to rank models by, and in place of a usage that the service did not report; too
 * rough to say that a model cannot take the request.
 */
export function estimateFileTokens(file: RequestFile): number {
  const figures = figuresOf(file);
  return Math.ceil(figures.tokensPerUnit * unitsOf(file, figures));
}

function figuresOf({ kind, format }: RequestFile): Figures {
  switch (kind) {
    case "image":
      return IMAGE;
    case "document":
      return DOCUMENTS.get(format) ?? OTHER;
    case "video":
      return VIDEO;
    case "audio":
      return UNCOMPRESSED.has(format) ? UNCOMPRESSED_AUDIO : AUDIO;
    case "other":
      return OTHER;
  }
}

function unitsOf({ bytes }: RequestFile, figures: Figures): number {
  const { bytesPerUnit, mostUnits, unitsInS3 } = figures;
  if (bytes === undefined) return unitsInS3;
  const units =
    (figures === PDF ? pagesOf(bytes) : undefined) ??
    Math.ceil(bytes.byteLength / bytesPerUnit);
  return Math.min(Math.max(1, units), mostUnits);
}

/** Where a PDF says what it is, and a linearized one how many pages it has. */
const HEAD_BYTES = 1_024;
const LINEARIZED = /\/Linearized\b[^>]*\/N\s+(\d{1,6})\b/;
const PAGE = "/Page";
const TYPE = /\/Type\s*$/;
/** As far back as it is looked for. */
const TYPE_BYTES = 8;
/** Of a name, such as the `s` of `/Pages`. */
const NAME_CHARACTER = /[A-Za-z0-9]/;

/**
 * The pages of a PDF, as far as they can be counted without unpacking it: what a linearized one says, or else the page
 * objects that are not inside of compressed ones. Undefined when there are none to be seen.
 */
function pagesOf(bytes: Uint8Array): number | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [, linearized] =
    LINEARIZED.exec(file.toString("latin1", 0, HEAD_BYTES)) ?? [];
  if (linearized !== undefined) return Number(linearized);
  let pages = 0;
  let at = file.indexOf(PAGE);
  while (at !== -1 && pages < PDF.mostUnits) {
    const end = at + PAGE.length;
    if (
      !NAME_CHARACTER.test(file.toString("latin1", end, end + 1)) &&
      TYPE.test(file.toString("latin1", Math.max(0, at - TYPE_BYTES), at))
    )
      pages += 1;
    at = file.indexOf(PAGE, end);
  }
  return pages > 0 ? pages : undefined;
}
