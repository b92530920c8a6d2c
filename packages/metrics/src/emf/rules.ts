import type { OptionCheck } from "@lambdallm/core/feature";

/** What CloudWatch takes, as its documentation of the embedded metric format, of `MetricDatum` and of `Dimension` says it. */
export const MAX_METRICS = 100;
export const MAX_VALUES = 100;
export const MAX_DIMENSIONS = 30;
/** Below the 256 KB that a log event has room for in the older text of the documentation; the newer one says 1 MB. */
export const MAX_DOCUMENT_BYTES = 240_000;
/** For all of a document that is no metric. */
export const MAX_FRAME_BYTES = 100_000;

const MAX_NAME_LENGTH = 255;
const MAX_DIMENSION_VALUE_LENGTH = 1024;
const LARGEST_VALUE = 2 ** 360;
/** The root of a document belongs to CloudWatch here. */
export const ROOT_KEY = "_aws";

export const UNITS = [
  "Seconds",
  "Microseconds",
  "Milliseconds",
  "Bytes",
  "Kilobytes",
  "Megabytes",
  "Gigabytes",
  "Terabytes",
  "Bits",
  "Kilobits",
  "Megabits",
  "Gigabits",
  "Terabits",
  "Percent",
  "Count",
  "Bytes/Second",
  "Kilobytes/Second",
  "Megabytes/Second",
  "Gigabytes/Second",
  "Terabytes/Second",
  "Bits/Second",
  "Kilobits/Second",
  "Megabits/Second",
  "Gigabits/Second",
  "Terabits/Second",
  "Count/Second",
  "None",
] as const;

/** The units of CloudWatch. */
export type MetricUnit = (typeof UNITS)[number];

/** Seconds: 60, or 1 for a high-resolution metric. */
export type MetricResolution = 1 | 60;

/** Names and values. */
export type Dimensions = Readonly<Record<string, string>>;

const NAMESPACE = /^(?!AWS\/)(?!:)[\w./#: -]{1,255}$/;
const PRINTABLE = /^[\x20-\x7e]+$/;

function isPrintable(value: unknown, maxLength: number): value is string {
  return (
    typeof value === "string" &&
    value.length <= maxLength &&
    PRINTABLE.test(value) &&
    value.trim() !== ""
  );
}

export const namespaceCheck: OptionCheck = (value) =>
  typeof value === "string" && NAMESPACE.test(value) && value.trim() !== ""
    ? undefined
    : "1 to 255 characters of letters, digits, spaces and . - _ / # :, that begins neither with : nor with AWS/";

export const nameCheck: OptionCheck = (value) =>
  isPrintable(value, MAX_NAME_LENGTH) && value !== ROOT_KEY
    ? undefined
    : `1 to ${MAX_NAME_LENGTH} printable ASCII characters, not only spaces, and not ${ROOT_KEY}`;

export const dimensionNameCheck: OptionCheck = (value) =>
  nameCheck(value) === undefined && !String(value).startsWith(":")
    ? undefined
    : `${nameCheck(undefined)}, that do not begin with a colon`;

export const dimensionValueCheck: OptionCheck = (value) =>
  isPrintable(value, MAX_DIMENSION_VALUE_LENGTH)
    ? undefined
    : `1 to ${MAX_DIMENSION_VALUE_LENGTH} printable ASCII characters, not only spaces`;

export const dimensionsCheck: OptionCheck = (value) => {
  const isRecord =
    typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = Object.entries(Object(value));
  if (!isRecord || entries.length > MAX_DIMENSIONS)
    return `an object of at most ${MAX_DIMENSIONS} dimensions`;
  for (const [name, one] of entries) {
    const wrongName = dimensionNameCheck(name);
    if (wrongName !== undefined)
      return `an object whose names are ${wrongName}`;
    const wrongValue = dimensionValueCheck(one);
    if (wrongValue !== undefined)
      return `an object whose values are ${wrongValue}: see "${name}"`;
  }
  return undefined;
};

export const valueCheck: OptionCheck = (value) =>
  typeof value === "number" && Math.abs(value) <= LARGEST_VALUE
    ? undefined
    : "a number from -2^360 to 2^360";

export const periodCheck: OptionCheck = (value) =>
  Number.isSafeInteger(value) && Number(value) > 0 && Number(value) % 60 === 0
    ? undefined
    : "a positive multiple of 60";

/** As a dimension can have it: what is not printable ASCII is written as in a URL. Undefined where nothing is left. */
export function asDimensionValue(value: string): string | undefined {
  const text = value
    .toWellFormed()
    .replace(/[^\x20-\x7e]+/g, encodeURIComponent)
    .slice(0, MAX_DIMENSION_VALUE_LENGTH);
  return text.trim() === "" ? undefined : text;
}
