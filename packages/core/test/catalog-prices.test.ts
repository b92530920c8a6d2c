import { describe, expect, test } from "@jest/globals";
import { calcPrice } from "@pydantic/genai-prices";
import { findModel, listModels } from "../src/models/catalog.ts";
import type { ModelPrices } from "../src/models/model-info.ts";

/** In the month of the data, whatever today is: both lists have prices that begin on a date. */
const NOW = Date.parse("2026-11-15");

/** Their names of our kinds of tokens. */
const KINDS = {
  input: "input_mtok",
  output: "output_mtok",
  cacheRead: "cache_read_mtok",
  cacheWrite: "cache_write_mtok",
  cacheWrite1h: "cache_write_1h_mtok",
} as const;

type Kind = keyof typeof KINDS;

interface Price {
  readonly usd: number;
  readonly aboveInputTokens?: number;
  readonly longContextUsd?: number;
}

type Prices = Partial<Record<Kind, Price>>;

const kinds = Object.keys(KINDS) as Kind[]; // They are its own keys.

function pricesOf(prices: ModelPrices | undefined): Prices {
  const { longContext } = prices ?? {};
  const entries = kinds.flatMap((kind) => {
    const usd = prices?.[kind];
    if (usd === undefined) return [];
    const longContextUsd = longContext?.[kind];
    const tier = longContextUsd !== undefined && {
      aboveInputTokens: longContext?.aboveInputTokens,
      longContextUsd,
    };
    return [[kind, { usd, ...tier }]];
  });
  return Object.fromEntries(entries);
}

function ours(id: string, now = NOW): Prices {
  return pricesOf(findModel(id, { now })?.prices);
}

function theirs(id: string): Prices | undefined {
  const options = { providerId: "aws", timestamp: new Date(NOW) };
  const found = calcPrice({ input_tokens: 1 }, id, options);
  if (found === null) return undefined;
  const entries = kinds.flatMap((kind) => {
    const price = found.model_price[KINDS[kind]];
    if (price === undefined) return [];
    if (typeof price === "number") return [[kind, { usd: price }]];
    const [tier, ...others] = price.tiers;
    expect(others).toHaveLength(0);
    const { start, price: longContextUsd } = tier ?? {};
    return [
      [kind, { usd: price.base, aboveInputTokens: start, longContextUsd }],
    ];
  });
  return Object.fromEntries(entries);
}

/** Kinds that they have, and of these the price of long contexts when both have one. */
function differences(our: Prices, their: Prices): string[] {
  return kinds.flatMap((kind) => {
    const [a, b] = [our[kind], their[kind]];
    if (b === undefined) return [];
    const isTiered = a?.longContextUsd !== undefined && b.longContextUsd;
    const [left, right] = isTiered ? [a, b] : [{ usd: a?.usd }, { usd: b.usd }];
    return JSON.stringify(left) === JSON.stringify(right)
      ? []
      : [`${kind}: ${JSON.stringify(left)}, theirs ${JSON.stringify(right)}`];
  });
}

interface Listed {
  readonly reason: string;
  readonly ids: readonly string[];
  /** What their figure is then. */
  readonly instead: (id: string) => Prices;
}

const CLAUDE_3_SONNET = "anthropic.claude-3-sonnet-20240229-v1:0";
const CLAUDE_3_5_SONNET_V1 = "anthropic.claude-3-5-sonnet-20240620-v1:0";
const CLAUDE_3_5_SONNET = "anthropic.claude-3-5-sonnet-20241022-v2:0";
const CLAUDE_SONNET_4_5 = "anthropic.claude-sonnet-4-5-20250929-v1:0";

const withProfiles = (id: string) => [
  id,
  ...(findModel(id)?.profiles ?? []).map((profile) => `${profile}.${id}`),
];
const baseOf = (id: string) => id.slice(id.indexOf(".") + 1);
const sonnet = (cacheRead: number, cacheWrite: number) =>
  pricesOf({ input: 3, output: 15, cacheRead, cacheWrite });

const LISTED: readonly Listed[] = [
  {
    reason: "they have one price for all Regions, that of the United States",
    ids: [
      "eu.amazon.nova-2-lite-v1:0",
      "jp.amazon.nova-2-lite-v1:0",
      "apac.amazon.nova-lite-v1:0",
      "ca.amazon.nova-lite-v1:0",
      "eu.amazon.nova-lite-v1:0",
      "apac.amazon.nova-micro-v1:0",
      "eu.amazon.nova-micro-v1:0",
      "apac.amazon.nova-pro-v1:0",
      "eu.amazon.nova-pro-v1:0",
      "eu.meta.llama3-2-1b-instruct-v1:0",
      "eu.meta.llama3-2-3b-instruct-v1:0",
    ],
    instead: (id) => ours(`us.${baseOf(id)}`),
  },
  {
    // https://github.com/BerriAI/litellm/issues/27120 quotes AWS's page: 3.60 and 18 USD for Sonnet 4.5.
    reason: "they lack GovCloud, which costs 20 % more",
    ids: [
      "us-gov.openai.gpt-oss-120b-1:0",
      "us-gov.openai.gpt-oss-20b-1:0",
      `us-gov.${CLAUDE_SONNET_4_5}`,
    ],
    instead: (id) =>
      ours(id.endsWith(CLAUDE_SONNET_4_5) ? `us.${baseOf(id)}` : baseOf(id)),
  },
  {
    reason:
      "the bare id is refused; they give it the price of a geographic profile, we that of the global one",
    ids: [
      "anthropic.claude-fable-5",
      "anthropic.claude-fable-5-1",
      "anthropic.claude-haiku-4-5-20251001-v1:0",
      "anthropic.claude-opus-4-5-20251101-v1:0",
      "anthropic.claude-opus-4-7",
      "anthropic.claude-opus-4-8",
      "anthropic.claude-opus-5",
      "anthropic.claude-opus-5-5",
      CLAUDE_SONNET_4_5,
    ],
    instead: (id) => ours(`us.${id}`),
  },
  {
    reason: "they lack Sonnet 5.5; its ids match their pattern of Sonnet 5",
    ids: withProfiles("anthropic.claude-sonnet-5-5"),
    instead: (id) =>
      ours(id.replace("sonnet-5-5", "sonnet-5").replace(/^(?=anth)/, "us.")),
  },
  {
    reason: "retired; theirs is the price before the extended access of 2025",
    ids: withProfiles(CLAUDE_3_5_SONNET),
    instead: (id) => ours(id, Date.parse("2025-11-30")),
  },
  {
    reason:
      "retired; theirs is the price before the extended access of 2025, with a cache that AWS's page had as N/A",
    ids: withProfiles(CLAUDE_3_5_SONNET_V1),
    instead: () => sonnet(0.3, 3.75),
  },
  {
    reason: "retired; they give prices of a cache that it never had",
    ids: withProfiles(CLAUDE_3_SONNET),
    instead: () => sonnet(0.3, 3.75),
  },
  {
    // https://github.com/pydantic/genai-prices/issues/711: OpenAI says more than 272,000.
    reason: "their long contexts begin a token too early, a known fault",
    ids: ["luna", "sol", "terra"].flatMap((name) =>
      withProfiles(`openai.gpt-5.6-${name}`),
    ),
    instead: (id) =>
      Object.fromEntries(
        Object.entries(ours(id)).map(([kind, price]) => [
          kind,
          { ...price, aboveInputTokens: 271_999 },
        ]),
      ),
  },
];

const known = listModels()
  .flatMap(({ id }) => withProfiles(id))
  .flatMap((id) => {
    const prices = theirs(id);
    return prices === undefined ? [] : [{ id, prices }];
  });
const listed = new Set(LISTED.flatMap(({ ids }) => ids));

describe("the catalog's prices and those of @pydantic/genai-prices", () => {
  const models = new Set(known.map(({ id }) => findModel(id)?.id));

  test(`are compared for ${known.length} ids of ${models.size} models`, () => {
    expect(known.length).toBeGreaterThanOrEqual(190);
    expect(models.size).toBeGreaterThanOrEqual(70);
  });

  test.each(known.filter(({ id }) => !listed.has(id)))(
    "are the same for $id",
    ({ id, prices }) => {
      expect(differences(ours(id), prices)).toStrictEqual([]);
    },
  );

  describe.each(LISTED)("differ: $reason", ({ ids, instead }) => {
    test.each(ids)("%s", (id) => {
      const prices = known.find((entry) => entry.id === id)?.prices ?? {};
      expect(differences(ours(id), prices)).not.toStrictEqual([]);
      expect(differences(instead(id), prices)).toStrictEqual([]);
    });
  });
});
