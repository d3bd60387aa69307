// Bars for charts, kept for a while and fetched before they are looked at: flipping shows what is there already.

import { read, type Schemas } from "./api.svelte";
import { place } from "./router.svelte";

export type BarsAnswer = Schemas["BarsAnswer"];

export interface ChartAsk {
  symbol: string;
  asOf: string | null;
  timeframe: string;
  indicators: string;
  bars?: number; // at most so many, the newest
}

const KEPT_MAX = 60; // charts; the oldest goes
const BARS = 420;
export const YEAR = 260; // Sessions: what a chart beside a list shows

const kept = new Map<string, BarsAnswer>();
const coming = new Map<string, Promise<BarsAnswer>>();

function keyOf(ask: ChartAsk): string {
  return [place.query.workspace ?? "", ask.symbol, ask.asOf ?? "", ask.timeframe, ask.indicators, ask.bars ?? BARS].join("|");
}

/** A chart that is here already. */
export function known(ask: ChartAsk): BarsAnswer | null {
  return kept.get(keyOf(ask)) ?? null;
}

/** A chart, fetched where it is not here. */
export async function chart(ask: ChartAsk): Promise<BarsAnswer> {
  const key = keyOf(ask);
  const there = kept.get(key);
  if (there) return there;
  let asked = coming.get(key);
  if (!asked) {
    asked = read("/api/v1/symbols/{code}/bars", {
      path: { code: ask.symbol },
      query: { timeframe: ask.timeframe, to: ask.asOf, limit: ask.bars ?? BARS, indicators: ask.indicators || null },
    });
    coming.set(key, asked);
    asked.then(
      (answer) => {
        coming.delete(key);
        kept.set(key, answer);
        if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value!);
      },
      () => coming.delete(key),
    );
  }
  return asked;
}

/** Fetch charts that may be looked at next; whether they come is no matter. */
export function prefetch(asks: readonly ChartAsk[]): void {
  for (const ask of asks) chart(ask).catch(() => undefined);
}

/** Forget all: the data is another. */
export function forgetCharts(): void {
  kept.clear();
  coming.clear();
}
