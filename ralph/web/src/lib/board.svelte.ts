// The newest quote of every Symbol, as the board topic brings them: many frames a second, one drawing a frame.

import { socket } from "./live.svelte";

export interface Quote {
  symbol: string;
  price: number | null;
  change: number | null;
  change_ratio: number | null;
  open: number | null;
  high: number | null;
  low: number | null;
  volume: number | null;
  value: number | null;
  at: string | null;
  session: string;
  venue: string;
  halted?: boolean;
  limit?: "up" | "down";
  vi?: boolean;
}

export type SortKey = "symbol" | "price" | "change_ratio" | "volume" | "value";

export const SORT_KEYS: readonly SortKey[] = ["symbol", "price", "change_ratio", "volume", "value"];

export class Board {
  /** Counts drawings: whoever reads it is asked again when there is something new to show. */
  updates = $state(0);
  size = $state(0);
  readonly quotes = new Map<string, Quote>();
  #drawing = 0;

  /** Follow the board until the returned function is called. */
  follow(): () => void {
    const end = socket.listen<readonly Quote[]>("board", ({ data, snapshot }) => {
      if (snapshot) this.quotes.clear();
      for (const quote of data) this.quotes.set(quote.symbol, quote);
      // However many frames came, the page is drawn once, when the browser draws.
      this.#drawing ||= requestAnimationFrame(() => this.#draw());
    });
    return () => {
      end();
      cancelAnimationFrame(this.#drawing);
      this.#drawing = 0;
    };
  }

  /** Another market: what was here is not of it. */
  clear(): void {
    this.quotes.clear();
    this.#draw();
  }

  #draw(): void {
    this.#drawing = 0;
    this.size = this.quotes.size;
    this.updates += 1;
  }
}

/** The order of Symbols by a key, kept until it is asked for anew: numbers change in place, rows do not jump. */
export function ordered(quotes: Iterable<Quote>, key: SortKey, order: "asc" | "desc"): string[] {
  const sign = order === "asc" ? 1 : -1;
  const compare = (a: Quote, b: Quote): number => {
    const [left, right] = [a[key], b[key]];
    if (left === right) return a.symbol < b.symbol ? -1 : 1;
    if (left === null) return 1; // what has no number stands last either way
    if (right === null) return -1;
    return left < right ? -sign : sign;
  };
  return [...quotes].sort(compare).map((quote) => quote.symbol);
}
