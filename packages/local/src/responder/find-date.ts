const MONTHS = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];
const MONTH = `(${MONTHS.map((name) => `${name.slice(0, 3)}(?:${name.slice(3)})?`).join("|")})\\.?`;

const ISO = /\b(\d{4})-(\d\d)-(\d\d)\b/;
const DAY_FIRST = new RegExp(
  `\\b(\\d{1,2})(?:st|nd|rd|th)?\\.?\\s+(?:of\\s+)?${MONTH},?\\s+(\\d{4})\\b`,
  "i",
);
const MONTH_FIRST = new RegExp(
  `\\b${MONTH}\\s+(\\d{1,2})(?:st|nd|rd|th)?,?\\s+(\\d{4})\\b`,
  "i",
);

/** The first date of a text as `YYYY-MM-DD`: written so, or with the month in letters. */
export function findDate(text: string): string | undefined {
  const [iso] = ISO.exec(text) ?? [];
  if (iso !== undefined) return iso;
  const [, day, month, year] = DAY_FIRST.exec(text) ?? [];
  if (month !== undefined) return dateOf(year, month, day);
  const [, secondMonth, secondDay, secondYear] = MONTH_FIRST.exec(text) ?? [];
  return secondMonth === undefined
    ? undefined
    : dateOf(secondYear, secondMonth, secondDay);
}

function dateOf(
  year: string | undefined,
  month: string,
  day: string | undefined,
): string {
  const number =
    MONTHS.findIndex((name) =>
      name.startsWith(month.slice(0, 3).toLowerCase()),
    ) + 1;
  return [year, number, day]
    .map((part) => String(part).padStart(2, "0"))
    .join("-");
}
