// The pages, each loaded when it is first looked at.

import type { Component } from "svelte";

import type { Word } from "./lib/words";

export interface PageEntry {
  name: string;
  word: Word;
  path: string;
  symbol: string; // a sign for the menu
  load: Load;
}

type Load = () => Promise<{ default: Component }>;

function once(load: Load): Load {
  let loaded: ReturnType<Load> | undefined;
  return () => (loaded ??= load());
}

export const PAGES: readonly PageEntry[] = [
  { name: "today", word: "page.today", path: "/", symbol: "◉", load: once(() => import("./pages/Today.svelte")) },
  { name: "screener", word: "page.screener", path: "/screener", symbol: "⌕", load: once(() => import("./pages/Screener.svelte")) },
  { name: "symbols", word: "page.symbols", path: "/symbols", symbol: "◫", load: once(() => import("./pages/Symbol.svelte")) },
  { name: "signals", word: "page.signals", path: "/signals", symbol: "⚑", load: once(() => import("./pages/Signals.svelte")) },
  { name: "live", word: "page.live", path: "/live", symbol: "≋", load: once(() => import("./pages/Live.svelte")) },
  { name: "system", word: "page.system", path: "/system", symbol: "⚙", load: once(() => import("./pages/System.svelte")) },
  { name: "help", word: "page.help", path: "/help", symbol: "?", load: once(() => import("./pages/Help.svelte")) },
];

/** Parts of pages that can be gone to by name. */
export const SECTIONS: readonly { word: Word; path: string; query: Record<string, string> }[] = [
  { word: "signals.performance", path: "/signals", query: { view: "performance" } },
  { word: "system.imports", path: "/system", query: { tab: "imports" } },
  { word: "system.jobs", path: "/system", query: { tab: "jobs" } },
  { word: "system.schedule", path: "/system", query: { tab: "schedule" } },
  { word: "system.quality", path: "/system", query: { tab: "quality" } },
  { word: "system.health", path: "/system", query: { tab: "health" } },
  { word: "system.sources", path: "/system", query: { tab: "sources" } },
  { word: "help.language", path: "/help", query: { part: "language" } },
];

const LOST: PageEntry = {
  name: "lost",
  word: "problem.notFound",
  path: "",
  symbol: "",
  load: once(() => import("./pages/NotFound.svelte")),
};

export function pageOf(path: string): PageEntry {
  const first = `/${path.split("/")[1] ?? ""}`;
  const depth = path.split("/").filter(Boolean).length;
  const found = PAGES.find((page) => page.path === first);
  return found && (depth <= 1 || (first === "/symbols" && depth === 2)) ? found : LOST;
}
