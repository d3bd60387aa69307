// What the live topics carry besides quotes, as the protocol page writes it down: frames are no part of OpenAPI.

import type { Schemas } from "./api.svelte";

/** Topic `scans`: a day-trading scan has found a Symbol. */
export interface Caught {
  scan: string;
  symbol: string;
  name: string | null;
  price: number;
  at: string;
  reasons: readonly Schemas["Reason"][];
}

/** Topic `system`, once a second. */
export interface SystemNews {
  health: string;
  feed: Pick<Schemas["FeedState"], "state" | "lag_ms" | "ticks_per_s">;
  at: string;
}
