import { withoutCards } from "./card-numbers.ts";

/** Returns a text without what is not to be recorded. */
export type Redact = (text: string) => string;

/** `DataMasking` of Powertools fits: its `erase` masks all of a text, where it is given no rules. */
export interface DataMasker {
  erase(text: string): unknown;
}

/*
 * Texts come from anybody. So these take time in proportion to their text: what repeats without a bound begins where its run
 * begins (the lookbehinds) or takes all there is, and no two neighbours share a character.
 */

const PRIVATE_KEY =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:.*?-----END [A-Z ]{0,30}PRIVATE KEY-----|.*)/gs;
const JSON_WEB_TOKEN = /(?<![\w-])eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*/g;
/** Of OpenAI, Anthropic, Stripe, GitHub, GitLab, Slack, Google, npm, Hugging Face, SendGrid and Amazon Bedrock. */
const KNOWN_PREFIX =
  /(?<![\w-])(?:[spr]k[-_]|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|AIza|npm_|hf_|whsec_|SG\.|ABSK|bedrock-api-key-)[\w+/=.-]{16,}/g;
const AWS_ACCESS_KEY =
  /(?<![A-Z0-9])A(?:KIA|SIA|BIA|CCA|GPA|IDA|IPA|NPA|NVA|ROA|PKA|SCA)[A-Z0-9]{16}(?![A-Z0-9])/g;
const AUTHORIZATION = /\b(Bearer|Basic)[ \t]{1,4}[\w.~+/=-]{16,}/gi;
const NAMED =
  /(api[_-]?key|access[_-]?key|secret|token|passw(?:or)?d|passphrase)([\\"']{0,4}[ \t]{0,4}[:=][ \t]{0,4}[\\"']{0,4})[^\s\\"',;&]{6,}/gi;
const AWS_SECRET_KEY =
  /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])/g;

const EMAIL =
  /(?<![\p{L}\p{N}._%+'-])[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,30}/gu;

const INTERNATIONAL_PHONE =
  /(?:\+|(?<!\d)00)[1-9](?:[ \u00a0()./-]{0,3}\d){6,14}(?!\d)/g;
/** With an area code that begins with 0, in pairs after a first one that does, without spaces, and as in North America. */
const NATIONAL_PHONE =
  /(?<![\w.+/-])(?:(?=(?:[ \u00a0()/-]{0,3}\d){8})\(?0[1-9]\d{0,3}\)?[ \u00a0/-]{1,3}\d{3,8}(?:[ \u00a0-]\d{2,6}){0,3}|0[1-9](?:[ \u00a0.]\d{2}){4}|0[1-9]\d{8,9}|\(?\d{3}\)?[ \u00a0.-]{1,2}\d{3}[ \u00a0.-]\d{4})(?![\w-])/g;

/** What `redact` is made of, in its order. */
export const redactionRules = {
  /** Keys, tokens and passwords: known by their shape, or by the name before them. */
  key: (text: string): string =>
    text
      .replace(PRIVATE_KEY, "[key]")
      .replace(JSON_WEB_TOKEN, "[key]")
      .replace(KNOWN_PREFIX, "[key]")
      .replace(AWS_ACCESS_KEY, "[key]")
      .replace(AUTHORIZATION, "$1 [key]")
      .replace(NAMED, "$1$2[key]")
      .replace(AWS_SECRET_KEY, (found) => (isMixed(found) ? "[key]" : found)),
  email: (text: string): string => text.replace(EMAIL, "[email]"),
  /** Numbers of cards whose check digit is right. */
  card: (text: string): string => withoutCards(text, "[card]"),
  phone: (text: string): string =>
    text
      .replace(INTERNATIONAL_PHONE, "[phone]")
      .replace(NATIONAL_PHONE, "[phone]"),
} as const satisfies Readonly<Record<string, Redact>>;

/**
 * Replaces keys, e-mail addresses, numbers of cards and of phones with `[key]`, `[email]`, `[card]` and `[phone]`, in time that
 * grows with the length of the text and not faster. Rules do not know every secret: they make mishaps smaller, and no text
 * harmless.
 */
export function redact(text: string): string {
  const { key, email, card, phone } = redactionRules;
  return phone(card(email(key(text))));
}

/** A word, a path or a hash has not all of them. */
function isMixed(text: string): boolean {
  return [/[A-Z]/, /[a-z]/, /\d/].every((kind) => kind.test(text));
}
