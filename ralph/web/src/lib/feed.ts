// What the live topics carry besides quotes, as the protocol page writes it down.

/** Topic `scans`: a day-trading scan has found a Symbol. */
export interface Caught {
  scan: string;
  symbol: string;
  name: string | null;
  price: number;
  at: string;
  reasons: readonly { en: string; ko: string }[];
}

/** Topic `system`, once a second. */
export interface SystemNews {
  health: string;
  feed: { state: string; lag_ms: number | null; ticks_per_s: number | null };
  at: string;
}

/** GET /api/v1/feed. */
export interface FeedState {
  workspace: string;
  state: string;
  detail: string;
  source: string | null;
  session: string | null;
  speed: number | null;
  clock: string | null;
  lag_ms: number | null;
  ticks: number;
  ticks_per_s: number | null;
  duplicates: number;
  late: number;
}
