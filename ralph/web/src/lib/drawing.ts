// What is drawn on a chart: bars, lines beside them, and annotations, all from answers of the API as they are.

import type { Schemas } from "./api.svelte";

export interface ChartBar {
  on: string;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

export interface Line {
  name: string; // the output of an indicator, like macd(12, 26, 9).hist
  values: readonly (number | null)[]; // one for each bar
  pane: string; // "price", or the call of the indicator that has a pane of its own
  histogram: boolean;
}

export interface Level {
  kind: "entry" | "stop" | "target" | "pivot";
  price: number;
}

export interface Leg {
  n: number;
  high_on: string;
  high: number;
  low_on: string;
  low: number;
  depth: number;
}

export interface Mark {
  on: string;
  kind: "armed" | "triggered" | "closed" | "expired";
  price: number | null;
}

export interface Drawing {
  bars: readonly ChartBar[];
  lines: readonly Line[];
  levels: readonly Level[];
  legs: readonly Leg[];
  marks: readonly Mark[];
}

/** A day without trade is stored with the close alone: there is no candle to draw. */
export function isTraded(bar: ChartBar): boolean {
  return bar.high > 0;
}

/** Nothing to draw, always the same nothing: what has not changed is not drawn again. */
export const NOTHING: readonly never[] = [];

const ON_PRICE = "price"; // a unit of the catalogue

/** Indicators that came with bars, as lines; `cards` is the catalogue, which knows their units. */
export function linesOf(answer: Schemas["BarsAnswer"], cards: readonly Schemas["IndicatorCard"][]): Line[] {
  return Object.entries(answer.indicators).flatMap(([call, outputs]) => {
    const card = cards.find((each) => each.name === call.split("(")[0]);
    return Object.entries(outputs).map(([output, values]) => {
      const unit = card?.units[output] ?? card?.unit ?? "";
      const name = Object.keys(outputs).length > 1 ? `${call}.${output}` : call;
      return { name, values, pane: unit === ON_PRICE && !output.includes("hist") && !isOscillator(card) ? "price" : call, histogram: output === "hist" };
    });
  });
}

/** Some are in won and yet swing around zero: they do not lie on the price. */
function isOscillator(card: Schemas["IndicatorCard"] | undefined): boolean {
  return card?.category === "momentum" || card?.name === "atr" || card?.name === "tr";
}

/** The contractions of a Setup, in order. */
export function legsOf(contractions: readonly Schemas["Contraction"][] | undefined): readonly Leg[] {
  if (!contractions?.length) return NOTHING;
  return contractions.map(({ high_on, high, low_on, low, depth }, at) => ({ n: at + 1, high_on, high, low_on, low, depth }));
}

/** Entry, stop and targets of a Signal. */
export function levelsOf(levels: Schemas["Levels"] | null | undefined): readonly Level[] {
  if (!levels) return NOTHING;
  return [
    { kind: "entry" as const, price: levels.entry },
    { kind: "stop" as const, price: levels.stop },
    ...levels.targets.map((price) => ({ kind: "target" as const, price })),
  ];
}

/** The steps of a Signal's life that lie on bars. */
export function marksOf(signal: Schemas["Signal"]): Mark[] {
  const marks: Mark[] = [{ on: signal.armed_on, kind: "armed", price: null }];
  if (signal.triggered_on) marks.push({ on: signal.triggered_on, kind: "triggered", price: signal.fill ?? null });
  if (signal.closed_on) marks.push({ on: signal.closed_on, kind: signal.state === "expired" ? "expired" : "closed", price: signal.exit ?? null });
  return marks;
}

/** The pivot of a Setup and the stop below it. */
export function pivotOf(setup: Schemas["Setup"] | undefined): readonly Level[] {
  if (!setup?.pivot) return NOTHING;
  const stop = setup.stop ? [{ kind: "stop" as const, price: setup.stop }] : [];
  return [{ kind: "pivot", price: setup.pivot }, ...stop];
}
