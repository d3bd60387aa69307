// Which keys each page has: the page binds them, the help lists them.

import type { Binding } from "./keys.svelte";
import type { Word } from "./words";

interface Key {
  keys: string;
  word: Word;
}

const NEXT: Key = { keys: "ArrowDown j", word: "keys.next" };
const PREVIOUS: Key = { keys: "ArrowUp k", word: "keys.previous" };
const OPEN: Key = { keys: "Enter o", word: "keys.open" };
const WATCH: Key = { keys: "w", word: "keys.watch" };

export const KEYMAP = {
  frame: { help: { keys: "?", word: "keys.help" }, palette: { keys: "Ctrl+k /", word: "keys.palette" } },
  day: { back: { keys: "[", word: "keys.dayBack" }, forward: { keys: "]", word: "keys.dayForward" } },
  screener: {
    next: NEXT,
    previous: PREVIOUS,
    unseen: { keys: "Space", word: "keys.unseen" },
    open: OPEN,
    watch: WATCH,
    hide: { keys: "x", word: "keys.hide" },
    save: { keys: "s", word: "keys.save" },
    edit: { keys: "e", word: "keys.edit" },
  },
  symbols: { watch: WATCH },
  signals: { next: NEXT, previous: PREVIOUS },
  live: { next: NEXT, previous: PREVIOUS, open: OPEN, sort: { keys: "r", word: "board.resort" } },
} as const satisfies Record<string, Record<string, Key>>;

type Part = keyof typeof KEYMAP;

/** The keys of a part with what each does. */
export function keysOf<P extends Part>(part: P, runs: Record<keyof (typeof KEYMAP)[P], () => void>): Binding[] {
  const isFrame = part === "frame" || part === "day";
  const named = Object.entries(KEYMAP[part]) as [keyof (typeof KEYMAP)[P], Key][];
  return named.map(([name, key]) => ({ ...key, run: runs[name], ...(isFrame ? { group: "keys.everywhere" as const } : {}) }));
}

/** All keys by the words of their pages, as the help shows them. */
export const LISTED: readonly { word: Word; keys: readonly Key[] }[] = [
  { word: "keys.everywhere", keys: [...Object.values(KEYMAP.frame), ...Object.values(KEYMAP.day)] },
  { word: "page.screener", keys: Object.values(KEYMAP.screener) },
  { word: "page.symbols", keys: Object.values(KEYMAP.symbols) },
  { word: "page.signals", keys: Object.values(KEYMAP.signals) },
  { word: "page.live", keys: Object.values(KEYMAP.live) },
];
