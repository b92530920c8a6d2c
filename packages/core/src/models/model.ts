// Generated from packages/core/data (retrieved 2026-11) by scripts/generate-catalog.ts.
// Do not edit; change the data and run `npm run generate`.

import { catalogIds, unfold } from "./catalog-rows.ts";

/** Ids of the models that this version knows. A string does just as well: see `ModelId`. */
export interface ModelConstants {
  /** @deprecated Retired on 2024-10-04; use {@link NOVA_LITE}. */
  readonly JURASSIC_2_MID: "ai21.j2-mid-v1";
  /** @deprecated Retired on 2024-10-04; use {@link NOVA_PRO}. */
  readonly JURASSIC_2_ULTRA: "ai21.j2-ultra-v1";
  /** AI21 Labs Jamba 1.5 Large. Retires on 2026-11-26; then use {@link NOVA_PRO}. */
  readonly JAMBA_1_5_LARGE: "ai21.jamba-1-5-large-v1:0";
  /** AI21 Labs Jamba 1.5 Mini. Retires on 2026-11-26; then use {@link NOVA_LITE}. */
  readonly JAMBA_1_5_MINI: "ai21.jamba-1-5-mini-v1:0";
  /** @deprecated Retired on 2025-08-01; use {@link NOVA_LITE}. */
  readonly JAMBA_INSTRUCT: "ai21.jamba-instruct-v1:0";
  /** Amazon Nova 2 Lite. */
  readonly NOVA_2_LITE: "amazon.nova-2-lite-v1:0";
  /** Amazon Nova 2 Pro (preview). */
  readonly NOVA_2_PRO_PREVIEW: "amazon.nova-2-pro-preview-20251202-v1:0";
  /** Amazon Nova Lite. */
  readonly NOVA_LITE: "amazon.nova-lite-v1:0";
  /** Amazon Nova Micro. */
  readonly NOVA_MICRO: "amazon.nova-micro-v1:0";
  /** @deprecated Retired on 2026-09-14; use {@link NOVA_2_LITE}. */
  readonly NOVA_PREMIER: "amazon.nova-premier-v1:0";
  /** Amazon Nova Pro. */
  readonly NOVA_PRO: "amazon.nova-pro-v1:0";
  /** @deprecated Retired on 2025-08-15; use {@link NOVA_LITE}. */
  readonly TITAN_TEXT_EXPRESS: "amazon.titan-text-express-v1";
  /** @deprecated Retired on 2025-08-15; use {@link NOVA_MICRO}. */
  readonly TITAN_TEXT_LITE: "amazon.titan-text-lite-v1";
  /** @deprecated Retired on 2025-08-15; use {@link NOVA_PRO}. */
  readonly TITAN_TEXT_PREMIER: "amazon.titan-text-premier-v1:0";
  /** @deprecated Retired on 2026-06-19; use {@link CLAUDE_HAIKU_4_5}. */
  readonly CLAUDE_3_5_HAIKU: "anthropic.claude-3-5-haiku-20241022-v1:0";
  /** @deprecated Retired on 2026-03-01; use {@link CLAUDE_SONNET_4_6}. */
  readonly CLAUDE_3_5_SONNET_V1: "anthropic.claude-3-5-sonnet-20240620-v1:0";
  /** @deprecated Retired on 2026-03-01; use {@link CLAUDE_SONNET_4_6}. */
  readonly CLAUDE_3_5_SONNET: "anthropic.claude-3-5-sonnet-20241022-v2:0";
  /** @deprecated Retired on 2026-04-28; use {@link CLAUDE_SONNET_4_6}. */
  readonly CLAUDE_3_7_SONNET: "anthropic.claude-3-7-sonnet-20250219-v1:0";
  /** @deprecated Retired on 2026-09-10; use {@link CLAUDE_HAIKU_4_5}. */
  readonly CLAUDE_3_HAIKU: "anthropic.claude-3-haiku-20240307-v1:0";
  /** @deprecated Retired on 2026-01-15; use {@link CLAUDE_OPUS_4_6}. */
  readonly CLAUDE_3_OPUS: "anthropic.claude-3-opus-20240229-v1:0";
  /** @deprecated Retired on 2025-07-21; use {@link CLAUDE_SONNET_4_6}. */
  readonly CLAUDE_3_SONNET: "anthropic.claude-3-sonnet-20240229-v1:0";
  /** Claude Fable 5. */
  readonly CLAUDE_FABLE_5: "anthropic.claude-fable-5";
  /** Claude Fable 5.1. */
  readonly CLAUDE_FABLE_5_1: "anthropic.claude-fable-5-1";
  /** Claude Fable 5.2. */
  readonly CLAUDE_FABLE_5_2: "anthropic.claude-fable-5-2";
  /** Claude Haiku 4.5. */
  readonly CLAUDE_HAIKU_4_5: "anthropic.claude-haiku-4-5-20251001-v1:0";
  /** Claude Haiku 5.5. */
  readonly CLAUDE_HAIKU_5_5: "anthropic.claude-haiku-5-5";
  /** @deprecated Retired on 2025-07-21; use {@link CLAUDE_HAIKU_4_5}. */
  readonly CLAUDE_INSTANT: "anthropic.claude-instant-v1";
  /** Claude Opus 4.1. Retires on 2027-01-08; then use {@link CLAUDE_OPUS_4_6}. */
  readonly CLAUDE_OPUS_4_1: "anthropic.claude-opus-4-1-20250805-v1:0";
  /** @deprecated Retired on 2026-05-31; use {@link CLAUDE_OPUS_4_6}. */
  readonly CLAUDE_OPUS_4: "anthropic.claude-opus-4-20250514-v1:0";
  /** Claude Opus 4.5. */
  readonly CLAUDE_OPUS_4_5: "anthropic.claude-opus-4-5-20251101-v1:0";
  /** Claude Opus 4.6. */
  readonly CLAUDE_OPUS_4_6: "anthropic.claude-opus-4-6-v1";
  /** Claude Opus 4.7. */
  readonly CLAUDE_OPUS_4_7: "anthropic.claude-opus-4-7";
  /** Claude Opus 4.8. */
  readonly CLAUDE_OPUS_4_8: "anthropic.claude-opus-4-8";
  /** Claude Opus 5. */
  readonly CLAUDE_OPUS_5: "anthropic.claude-opus-5";
  /** Claude Opus 5.5. */
  readonly CLAUDE_OPUS_5_5: "anthropic.claude-opus-5-5";
  /** @deprecated Retired on 2026-10-14; use {@link CLAUDE_SONNET_4_6}. */
  readonly CLAUDE_SONNET_4: "anthropic.claude-sonnet-4-20250514-v1:0";
  /** Claude Sonnet 4.5. Retires on 2027-04-08; then use {@link CLAUDE_SONNET_4_6}. */
  readonly CLAUDE_SONNET_4_5: "anthropic.claude-sonnet-4-5-20250929-v1:0";
  /** Claude Sonnet 4.6. */
  readonly CLAUDE_SONNET_4_6: "anthropic.claude-sonnet-4-6";
  /** Claude Sonnet 5. */
  readonly CLAUDE_SONNET_5: "anthropic.claude-sonnet-5";
  /** Claude Sonnet 5.5. */
  readonly CLAUDE_SONNET_5_5: "anthropic.claude-sonnet-5-5";
  /** @deprecated Retired on 2024-02-28; use {@link CLAUDE_SONNET_4_6}. */
  readonly CLAUDE_1: "anthropic.claude-v1";
  /** @deprecated Retired on 2025-07-21; use {@link CLAUDE_SONNET_4_6}. */
  readonly CLAUDE_2_1: "anthropic.claude-v2:1";
  /** @deprecated Retired on 2025-08-12; use {@link NOVA_MICRO}. */
  readonly COMMAND_LIGHT: "cohere.command-light-text-v14";
  /** @deprecated Retired on 2026-08-19; use {@link NOVA_PRO}. */
  readonly COMMAND_R_PLUS: "cohere.command-r-plus-v1:0";
  /** @deprecated Retired on 2026-08-19; use {@link NOVA_LITE}. */
  readonly COMMAND_R: "cohere.command-r-v1:0";
  /** @deprecated Retired on 2025-08-12; use {@link NOVA_LITE}. */
  readonly COMMAND: "cohere.command-text-v14";
  /** DeepSeek-R1. */
  readonly DEEPSEEK_R1: "deepseek.r1-v1:0";
  /** DeepSeek-V3.1. */
  readonly DEEPSEEK_V3_1: "deepseek.v3-v1:0";
  /** DeepSeek-V3.2. */
  readonly DEEPSEEK_V3_2: "deepseek.v3.2";
  /** Google Gemma 3 12B. */
  readonly GEMMA_3_12B: "google.gemma-3-12b-it";
  /** Google Gemma 3 27B. */
  readonly GEMMA_3_27B: "google.gemma-3-27b-it";
  /** Google Gemma 3 4B. */
  readonly GEMMA_3_4B: "google.gemma-3-4b-it";
  /** Google Gemma 4 26B-A4B. */
  readonly GEMMA_4_26B_A4B: "google.gemma-4-26b-a4b";
  /** Google Gemma 4 31B. */
  readonly GEMMA_4_31B: "google.gemma-4-31b";
  /** Google Gemma 4 E2B. */
  readonly GEMMA_4_E2B: "google.gemma-4-e2b";
  /** @deprecated Retired on 2024-10-30; use {@link LLAMA3_1_8B}. */
  readonly LLAMA2_13B_CHAT: "meta.llama2-13b-chat-v1";
  /** @deprecated Retired on 2024-10-30; use {@link LLAMA3_3_70B}. */
  readonly LLAMA2_70B_CHAT: "meta.llama2-70b-chat-v1";
  /** @deprecated Retired on 2026-07-07; use {@link LLAMA4_MAVERICK_17B}. */
  readonly LLAMA3_1_405B: "meta.llama3-1-405b-instruct-v1:0";
  /** Meta Llama 3.1 70B Instruct. */
  readonly LLAMA3_1_70B: "meta.llama3-1-70b-instruct-v1:0";
  /** Meta Llama 3.1 8B Instruct. */
  readonly LLAMA3_1_8B: "meta.llama3-1-8b-instruct-v1:0";
  /** @deprecated Retired on 2026-07-07; use {@link LLAMA4_SCOUT_17B}. */
  readonly LLAMA3_2_11B: "meta.llama3-2-11b-instruct-v1:0";
  /** @deprecated Retired on 2026-07-07; use {@link LLAMA3_1_8B}. */
  readonly LLAMA3_2_1B: "meta.llama3-2-1b-instruct-v1:0";
  /** @deprecated Retired on 2026-07-07; use {@link LLAMA3_1_8B}. */
  readonly LLAMA3_2_3B: "meta.llama3-2-3b-instruct-v1:0";
  /** @deprecated Retired on 2026-07-07; use {@link LLAMA4_MAVERICK_17B}. */
  readonly LLAMA3_2_90B: "meta.llama3-2-90b-instruct-v1:0";
  /** Meta Llama 3.3 70B Instruct. */
  readonly LLAMA3_3_70B: "meta.llama3-3-70b-instruct-v1:0";
  /** Meta Llama 3 70B Instruct. */
  readonly LLAMA3_70B: "meta.llama3-70b-instruct-v1:0";
  /** Meta Llama 3 8B Instruct. */
  readonly LLAMA3_8B: "meta.llama3-8b-instruct-v1:0";
  /** Meta Llama 4 Maverick 17B Instruct. */
  readonly LLAMA4_MAVERICK_17B: "meta.llama4-maverick-17b-instruct-v1:0";
  /** Meta Llama 4 Scout 17B Instruct. */
  readonly LLAMA4_SCOUT_17B: "meta.llama4-scout-17b-instruct-v1:0";
  /** MiniMax M2. */
  readonly MINIMAX_M2: "minimax.minimax-m2";
  /** MiniMax M2.1. */
  readonly MINIMAX_M2_1: "minimax.minimax-m2.1";
  /** MiniMax M2.5. */
  readonly MINIMAX_M2_5: "minimax.minimax-m2.5";
  /** Mistral AI Devstral 2 123B. */
  readonly DEVSTRAL_2_123B: "mistral.devstral-2-123b";
  /** Mistral AI Magistral Small 2509. */
  readonly MAGISTRAL_SMALL_2509: "mistral.magistral-small-2509";
  /** Mistral AI Ministral 3 14B. */
  readonly MINISTRAL_3_14B: "mistral.ministral-3-14b-instruct";
  /** Mistral AI Ministral 3 3B. */
  readonly MINISTRAL_3_3B: "mistral.ministral-3-3b-instruct";
  /** Mistral AI Ministral 3 8B. */
  readonly MINISTRAL_3_8B: "mistral.ministral-3-8b-instruct";
  /** Mistral AI Mistral 7B Instruct. */
  readonly MISTRAL_7B: "mistral.mistral-7b-instruct-v0:2";
  /** Mistral AI Mistral Large (24.02). */
  readonly MISTRAL_LARGE_2402: "mistral.mistral-large-2402-v1:0";
  /** Mistral AI Mistral Large (24.07). */
  readonly MISTRAL_LARGE_2407: "mistral.mistral-large-2407-v1:0";
  /** Mistral AI Mistral Large 3. */
  readonly MISTRAL_LARGE_3: "mistral.mistral-large-3-675b-instruct";
  /** Mistral AI Mistral Small (24.02). */
  readonly MISTRAL_SMALL_2402: "mistral.mistral-small-2402-v1:0";
  /** Mistral AI Mixtral 8x7B Instruct. */
  readonly MIXTRAL_8X7B: "mistral.mixtral-8x7b-instruct-v0:1";
  /** Mistral AI Pixtral Large (25.02). */
  readonly PIXTRAL_LARGE_2502: "mistral.pixtral-large-2502-v1:0";
  /** Mistral AI Voxtral Mini 3B 2507. */
  readonly VOXTRAL_MINI_3B: "mistral.voxtral-mini-3b-2507";
  /** Mistral AI Voxtral Small 24B 2507. */
  readonly VOXTRAL_SMALL_24B: "mistral.voxtral-small-24b-2507";
  /** Moonshot AI Kimi K2 Thinking. */
  readonly KIMI_K2_THINKING: "moonshot.kimi-k2-thinking";
  /** Moonshot AI Kimi K2.5. */
  readonly KIMI_K2_5: "moonshotai.kimi-k2.5";
  /** Moonshot AI Kimi K3. */
  readonly KIMI_K3: "moonshotai.kimi-k3";
  /** Moonshot AI Kimi K3.1. */
  readonly KIMI_K3_1: "moonshotai.kimi-k3.1";
  /** NVIDIA Nemotron Nano 12B v2. */
  readonly NEMOTRON_NANO_12B_V2: "nvidia.nemotron-nano-12b-v2";
  /** NVIDIA Nemotron 3 Nano 30B. */
  readonly NEMOTRON_NANO_3_30B: "nvidia.nemotron-nano-3-30b";
  /** NVIDIA Nemotron Nano 9B v2. */
  readonly NEMOTRON_NANO_9B_V2: "nvidia.nemotron-nano-9b-v2";
  /** NVIDIA Nemotron 3 Super 120B. */
  readonly NEMOTRON_SUPER_3_120B: "nvidia.nemotron-super-3-120b";
  /** OpenAI GPT-5.6 Luna. */
  readonly GPT_5_6_LUNA: "openai.gpt-5.6-luna";
  /** OpenAI GPT-5.6 Sol. */
  readonly GPT_5_6_SOL: "openai.gpt-5.6-sol";
  /** OpenAI GPT-5.6 Terra. */
  readonly GPT_5_6_TERRA: "openai.gpt-5.6-terra";
  /** OpenAI GPT-6 Astra. */
  readonly GPT_6_ASTRA: "openai.gpt-6-astra";
  /** OpenAI GPT-6 Luna. */
  readonly GPT_6_LUNA: "openai.gpt-6-luna";
  /** OpenAI GPT-6 Sol. */
  readonly GPT_6_SOL: "openai.gpt-6-sol";
  /** OpenAI GPT-6.1 Sol. */
  readonly GPT_6_1_SOL: "openai.gpt-6.1-sol";
  /** OpenAI GPT-6.1 Terra. */
  readonly GPT_6_1_TERRA: "openai.gpt-6.1-terra";
  /** OpenAI gpt-oss-120b. */
  readonly GPT_OSS_120B: "openai.gpt-oss-120b-1:0";
  /** OpenAI gpt-oss-20b. */
  readonly GPT_OSS_20B: "openai.gpt-oss-20b-1:0";
  /** OpenAI gpt-oss-safeguard-120b. */
  readonly GPT_OSS_SAFEGUARD_120B: "openai.gpt-oss-safeguard-120b";
  /** OpenAI gpt-oss-safeguard-20b. */
  readonly GPT_OSS_SAFEGUARD_20B: "openai.gpt-oss-safeguard-20b";
  /** Qwen3 235B A22B 2507. */
  readonly QWEN3_235B_A22B_2507: "qwen.qwen3-235b-a22b-2507-v1:0";
  /** Qwen3 32B. */
  readonly QWEN3_32B: "qwen.qwen3-32b-v1:0";
  /** Qwen3 Coder 30B A3B. */
  readonly QWEN3_CODER_30B_A3B: "qwen.qwen3-coder-30b-a3b-v1:0";
  /** Qwen3 Coder 480B A35B. */
  readonly QWEN3_CODER_480B_A35B: "qwen.qwen3-coder-480b-a35b-v1:0";
  /** Qwen3 Coder Next. */
  readonly QWEN3_CODER_NEXT: "qwen.qwen3-coder-next";
  /** Qwen3 Next 80B A3B. */
  readonly QWEN3_NEXT_80B_A3B: "qwen.qwen3-next-80b-a3b";
  /** Qwen3 VL 235B A22B. */
  readonly QWEN3_VL_235B_A22B: "qwen.qwen3-vl-235b-a22b";
  /** Writer Palmyra X4. */
  readonly PALMYRA_X4: "writer.palmyra-x4-v1:0";
  /** Writer Palmyra X5. */
  readonly PALMYRA_X5: "writer.palmyra-x5-v1:0";
  /** xAI Grok 4.3. */
  readonly GROK_4_3: "xai.grok-4.3";
  /** xAI Grok 4.6. */
  readonly GROK_4_6: "xai.grok-4.6";
  /** xAI Grok 4.7. */
  readonly GROK_4_7: "xai.grok-4.7";
  /** Z.AI GLM 4.7. */
  readonly GLM_4_7: "zai.glm-4.7";
  /** Z.AI GLM 4.7 Flash. */
  readonly GLM_4_7_FLASH: "zai.glm-4.7-flash";
  /** Z.AI GLM 5. */
  readonly GLM_5: "zai.glm-5";
  /** Z.AI GLM 5.3. */
  readonly GLM_5_3: "zai.glm-5.3";
}

/** The id of a model: a known one is completed by the editor, any other is as good. */
export type ModelId = ModelConstants[keyof ModelConstants] | (string & {});

/* In the order of the catalog and folded like its ids, because esbuild keeps every constant of a namespace or object. */
const NAMES =
  "0JURASSIC_2_MID bULTRA 1AMBA_1_5_LARGE aMINI 6INSTRUCT 0NOVA_2_LITE 7PRO_PREVIEW 5LITE 5MICRO 5PREMIER 7O 0TITAN_TEXT_EXPRESS bLITE bPREMIER 0CLAUDE_3_5_HAIKU bSONNET_V1 h 97_SONNET 9HAIKU 9OPUS 9SONNET 7FABLE_5 e_1 f2 7HAIKU_4_5 d5_5 7INSTANT 7OPUS_4_1 d d_5 e6 e7 e8 c5 d_5 7SONNET_4 f_5 g6 e5 f_5 71 72_1 1OMMAND_LIGHT 8R_PLUS 9 7 0DEEPSEEK_R1 9V3_1 c2 0GEMMA_3_12B 827B 84B 64_26B_A4B 831B 8E2B 0LLAMA2_13B_CHAT 770B_CHAT 53_1_405B 970B 98B 72_11B aB 93B 990B 73_70B 770B 78B 54_MAVERICK_17B 7SCOUT_17B 0MINIMAX_M2 a_1 b5 0DEVSTRAL_2_123B 0MAGISTRAL_SMALL_2509 1INISTRAL_3_14B c3B c8B 2STRAL_7B 8LARGE_2402 h7 e3 8SMALL_2402 2XTRAL_8X7B 0PIXTRAL_LARGE_2502 0VOXTRAL_MINI_3B 8SMALL_24B 0KIMI_K2_THINKING 85 63 7_1 0NEMOTRON_NANO_12B_V2 e3_30B e9B_V2 9SUPER_3_120B 0GPT_5_6_LUNA 8SOL 8TERRA 46_ASTRA 6LUNA 6SOL 61_SOL 8TERRA 4OSS_120B 820B 8SAFEGUARD_120B i20B 0QWEN3_235B_A22B_2507 632B 6CODER_30B_A3B c480B_A35B cNEXT 6NEXT_80B_A3B 6VL_235B_A22B 0PALMYRA_X4 95 0GROK_4_3 76 77 1LM_4_7 7_FLASH 45 5_3";

/** Ids of known models, such as `Model.CLAUDE_HAIKU_4_5`. */
export const Model: ModelConstants = /* @__PURE__ */ constants();

function constants(): ModelConstants {
  const ids = catalogIds();
  const entries = unfold(NAMES.split(" ")).map((name, index) => [
    name,
    ids[index],
  ]);
  // The generator wrote the interface from the same two lists.
  return Object.freeze(Object.fromEntries(entries)) as ModelConstants;
}
