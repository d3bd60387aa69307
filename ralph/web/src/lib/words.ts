// Everything the pages say, in Korean and English. A key used anywhere stands here (the type checker sees to it).

import { settings } from "./settings.svelte";
import { MARKET_WORDS } from "./words-market";
import { SHELL_WORDS } from "./words-shell";
import { TOOL_WORDS } from "./words-tools";
import { VIEW_WORDS } from "./words-views";

export const WORDS = { ...SHELL_WORDS, ...MARKET_WORDS, ...TOOL_WORDS, ...VIEW_WORDS } as const;

export type Word = keyof typeof WORDS;

/** The words for a key in the language chosen; `{name}` stands for a value. */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  const [korean, english] = WORDS[word];
  const text: string = settings.language === "ko" ? korean : english;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Of a pair that the API gives, the one in the language chosen. */
export function said(pair: { en: string; ko: string }): string {
  return settings.language === "ko" ? pair.ko : pair.en;
}

/** The words for a key that comes from the API, or the key itself where we have none. */
export function named(prefix: string, key: string): string {
  const word = `${prefix}.${key}`;
  return word in WORDS ? t(word as Word) : key.replaceAll("_", " ");
}
