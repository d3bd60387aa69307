// Numbers as people in the Korean market read them. Pure: language is an argument.

export type Language = "ko" | "en";

export const MISSING = "–";

const UNITS: Record<Language, readonly (readonly [number, string])[]> = {
  ko: [
    [1e12, "조"],
    [1e8, "억"],
    [1e4, "만"],
  ],
  en: [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "K"],
  ],
};

function isNumber(value: number | null | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

// Made once: a formatter costs a hundred times what it does once it is there, and a board shows thousands of numbers.
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const CENTS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });
const DIGITS = [0, 1, 2].map((digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));

/** A price in won with separators; fractions only where there are any. */
export function price(value: number | null | undefined): string {
  if (!isNumber(value)) return MISSING;
  return (Math.abs(value) < 100 && value % 1 !== 0 ? CENTS : WHOLE).format(value);
}

/** A whole number with separators. */
export function count(value: number | null | undefined): string {
  return isNumber(value) ? WHOLE.format(Math.round(value)) : MISSING;
}

/** A large amount with three digits or more: 1조 2,345억 is 1.23조; in English 1.23T. */
export function amount(value: number | null | undefined, language: Language): string {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(value);
  for (const [unit, name] of UNITS[language]) {
    if (size >= unit) {
      const scaled = value / unit;
      const digits = Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
      return `${DIGITS[digits]!.format(scaled)}${name}`;
    }
  }
  return WHOLE.format(value);
}

/** A large amount to its last won: what a tooltip holds beside 1.23조. */
export function won(value: number | null | undefined, language: Language): string {
  if (!isNumber(value)) return MISSING;
  const text = WHOLE.format(Math.round(value));
  return language === "ko" ? `${text}원` : `KRW ${text}`;
}

/** A ratio (0.05) as a percentage (5.00%). */
export function percent(ratio: number | null | undefined, digits = 2): string {
  return isNumber(ratio) ? `${(ratio * 100).toFixed(digits)}%` : MISSING;
}

/** A change as a ratio, with its sign and an arrow, so that colour is never alone in saying it. */
export function change(ratio: number | null | undefined, digits = 2): string {
  if (!isNumber(ratio)) return MISSING;
  const text = `${(Math.abs(ratio) * 100).toFixed(digits)}%`;
  if (Number(Math.abs(ratio * 100).toFixed(digits)) === 0) return text;
  return ratio > 0 ? `▲${text}` : `▼${text}`;
}

/** Which way a number points, for its colour. */
export function direction(value: number | null | undefined): "up" | "down" | "flat" {
  if (!isNumber(value) || value === 0) return "flat";
  return value > 0 ? "up" : "down";
}

/** Any value of an indicator in at most four significant digits or as a price. */
export function plain(value: number | null | undefined): string {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(value);
  if (size >= 1000) return WHOLE.format(value);
  if (size >= 100) return value.toFixed(1);
  if (size >= 1 || size === 0) return value.toFixed(2);
  return value.toPrecision(3);
}

/** How long ago an instant was, in one unit. */
export function age(at: string | number | Date, now: number, language: Language): string {
  const seconds = Math.max(0, Math.round((now - new Date(at).getTime()) / 1000));
  const steps: readonly (readonly [number, string, string])[] = [
    [86_400, "일", "d"],
    [3_600, "시간", "h"],
    [60, "분", "min"],
    [1, "초", "s"],
  ];
  for (const [size, ko, en] of steps) {
    if (seconds >= size) {
      const whole = Math.floor(seconds / size);
      return language === "ko" ? `${whole}${ko} 전` : `${whole} ${en} ago`;
    }
  }
  return language === "ko" ? "방금" : "now";
}

const WEEKDAYS: Record<Language, readonly string[]> = {
  ko: ["일", "월", "화", "수", "목", "금", "토"],
  en: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
};

/** A Session with its day of the week: 2026-11-20(금). */
export function session(on: string, language: Language): string {
  const weekday = WEEKDAYS[language][new Date(`${on}T00:00:00Z`).getUTCDay()];
  return weekday ? `${on}(${weekday})` : on;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Seoul", hour: "2-digit", minute: "2-digit" });
const STAMP = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Seoul", dateStyle: "short", timeStyle: "medium" });

/** An instant as the clock in Seoul shows it: 15:30. */
export function clock(at: string | number | Date): string {
  return CLOCK.format(new Date(at));
}

/** An instant as date and time in Seoul: 2026-11-20 15:30:00. */
export function stamp(at: string | number | Date | null | undefined): string {
  return at === null || at === undefined ? MISSING : STAMP.format(new Date(at));
}
