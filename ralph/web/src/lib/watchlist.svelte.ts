// The watchlist: a list on the server like any other, made when the first Symbol is put on it.

import { patch, post, read, Refusal, remove, type Schemas } from "./api.svelte";
import { notify } from "./toasts.svelte";
import { t } from "./words";

export const WATCHLIST = "watchlist";

export const watchlist = $state<{ members: readonly Schemas["Member"][]; loaded: boolean }>({ members: [], loaded: false });

/** Read it; one that is not there is empty. */
export async function loadWatchlist(): Promise<void> {
  const { lists } = await read("/api/v1/lists");
  const found = lists.find((each) => each.name === WATCHLIST);
  watchlist.members = found ? (await read("/api/v1/lists/{list_id}", { path: { list_id: found.id } })).symbols : [];
  watchlist.loaded = true;
}

export function isWatched(symbol: string): boolean {
  return watchlist.members.some((member) => member.symbol === symbol);
}

async function add(symbol: string, note = ""): Promise<void> {
  const lists = (await read("/api/v1/lists")).lists;
  const card = lists.some((each) => each.name === WATCHLIST)
    ? await post("/api/v1/lists/{list_id}/symbols", { symbols: [symbol], note, tags: [] }, { path: { list_id: WATCHLIST } })
    : await post("/api/v1/lists", { name: WATCHLIST, kind: "watchlist", symbols: [symbol], note: "", tags: [] });
  watchlist.members = card.symbols;
}

async function takeOff(symbol: string): Promise<void> {
  await remove("/api/v1/lists/{list_id}/symbols/{code}", { path: { list_id: WATCHLIST, code: symbol } });
  watchlist.members = watchlist.members.filter((member) => member.symbol !== symbol);
}

/** Put a Symbol on or take it off, say so, and offer the way back. */
export async function toggleWatched(symbol: string, name: string | null): Promise<void> {
  const was = isWatched(symbol);
  const note = watchlist.members.find((member) => member.symbol === symbol)?.note ?? "";
  const shown = name ?? symbol;
  try {
    await (was ? takeOff(symbol) : add(symbol));
    notify(t(was ? "symbol.unwatched" : "symbol.watched", { name: shown }), () => void back(symbol, was, note));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    notify(error.message);
  }
}

async function back(symbol: string, was: boolean, note: string): Promise<void> {
  try {
    await (was ? add(symbol, note) : takeOff(symbol));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    notify(error.message);
  }
}

/** Keep a note on a Symbol, which puts it on the list. */
export async function keepNote(symbol: string, note: string): Promise<void> {
  if (!isWatched(symbol)) {
    await add(symbol, note);
    return;
  }
  const path = { list_id: WATCHLIST, code: symbol };
  watchlist.members = (await patch("/api/v1/lists/{list_id}/symbols/{code}", { note }, { path })).symbols;
}
