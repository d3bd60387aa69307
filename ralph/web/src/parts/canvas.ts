// One chart that is drawn again and again: flipping to the next Symbol gives it other numbers, not another canvas.

import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  HistogramSeries,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  LineSeries,
  LineStyle,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";

import { isTraded, type Drawing, type Line, type Mark } from "../lib/drawing";
import { settings } from "../lib/settings.svelte";
import { t } from "../lib/words";

const SHOWN = 160; // bars at first; the rest is a drag away
const SCALE_PX = 76; // wide enough for most prices: a scale that changes its width makes every canvas anew
const ROOM = 8; // bars to the right of the newest: a mark on it has its name beside it
const HUES = ["#e08a00", "#8e44ad", "#008a8a", "#b03a76", "#6b7f00", "#3f6fd1", "#a0522d", "#4a8f3c"];

const times = new Map<string, UTCTimestamp>(); // a day's own; reading it as text costs more than drawing it

/** A Session as the chart counts time. */
function timeOf(on: string): UTCTimestamp {
  let time = times.get(on);
  if (time === undefined) {
    time = (Date.parse(`${on}T00:00:00Z`) / 1000) as UTCTimestamp;
    times.set(on, time);
  }
  return time;
}

// Made once: a formatter costs more than a whole chart, and an axis is measured with many numbers.
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const CENTS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

/** Also for panes of indicators, whose values may be small. */
const plainPrice = (value: number): string => (Math.abs(value) < 100 ? CENTS : WHOLE).format(value);

interface Ink {
  ink: string;
  soft: string;
  line: string;
  card: string;
  up: string;
  down: string;
  accent: string;
}

function inks(): Ink {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return { ink: of("ink"), soft: of("soft"), line: of("line"), card: of("card"), up: of("up"), down: of("down"), accent: of("accent") };
}

export class ChartCanvas {
  #chart: IChartApi;
  #candles: ISeriesApi<"Candlestick">;
  #volume: ISeriesApi<"Histogram">;
  #marks: ISeriesMarkersPluginApi<Time>;
  #lines = new Map<string, ISeriesApi<"Line"> | ISeriesApi<"Histogram">>();
  #legs: ISeriesApi<"Line">[] = [];
  #levels: IPriceLine[] = [];
  #ink: Ink = inks();
  #last: Drawing | null = null;
  #precise = false;

  constructor(place: HTMLElement) {
    this.#chart = createChart(place, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: "system-ui, sans-serif", panes: { enableResize: true } },
      rightPriceScale: { borderVisible: false, minimumWidth: SCALE_PX },
      timeScale: { borderVisible: false, rightOffset: ROOM },
      localization: { locale: "en-US", dateFormat: "yyyy-MM-dd", priceFormatter: plainPrice },
      crosshair: { mode: 0 },
    });
    this.#candles = this.#chart.addSeries(CandlestickSeries, { priceFormat: { type: "price", precision: 0, minMove: 1 } });
    this.#volume = this.#chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#marks = createSeriesMarkers(this.#candles, []);
    this.colour();
  }

  /** Take the colours and the language of the page as they are now. */
  colour(): void {
    const ink = inks();
    this.#ink = ink;
    this.#chart.applyOptions({
      layout: { background: { color: ink.card }, textColor: ink.soft },
      grid: { vertLines: { color: ink.line }, horzLines: { color: ink.line } },
      localization: { locale: settings.language === "ko" ? "ko-KR" : "en-US" },
    });
    this.#candles.applyOptions({ upColor: ink.up, downColor: ink.down, borderUpColor: ink.up, borderDownColor: ink.down, wickUpColor: ink.up, wickDownColor: ink.down });
    const drawn = this.#last;
    this.#last = null; // all of it has other colours
    if (drawn) this.draw(drawn, false);
  }

  /** Draw other numbers; `reset` shows the newest bars again. What is the same as before is left as it is. */
  draw(drawing: Drawing, reset: boolean): void {
    const before = this.#last;
    this.#last = drawing;
    if (before?.bars !== drawing.bars) this.#drawBars(drawing);
    if (before?.bars !== drawing.bars || before.lines !== drawing.lines) this.#drawLines(drawing);
    if (!before || before.legs !== drawing.legs) this.#drawLegs(drawing);
    if (!before || before.levels !== drawing.levels) this.#drawLevels(drawing);
    if (before?.marks.length || drawing.marks.length) this.#marks.setMarkers(drawing.marks.map((mark) => this.#marker(mark)));
    if (reset) this.#chart.timeScale().setVisibleLogicalRange({ from: drawing.bars.length - SHOWN, to: drawing.bars.length + ROOM });
  }

  /** How many indicators have a pane of their own. */
  get panes(): number {
    return this.#chart.panes().length - 1;
  }

  destroy(): void {
    this.#chart.remove();
  }

  #drawBars(drawing: Drawing): void {
    const precise = drawing.bars.some((bar) => bar.close < 100 && bar.close % 1 !== 0);
    if (precise !== this.#precise) this.#candles.applyOptions({ priceFormat: { type: "price", precision: precise ? 2 : 0, minMove: precise ? 0.01 : 1 } });
    this.#precise = precise;
    this.#candles.setData(
      drawing.bars.map((bar) => (isTraded(bar) ? { time: timeOf(bar.on), open: bar.open, high: bar.high, low: bar.low, close: bar.close } : { time: timeOf(bar.on) })),
    );
    this.#volume.setData(drawing.bars.map((bar) => ({ time: timeOf(bar.on), value: bar.volume, color: `${bar.close >= bar.open ? this.#ink.up : this.#ink.down}66` })));
  }

  #drawLines(drawing: Drawing): void {
    const wanted = new Set(drawing.lines.map((line) => line.name));
    for (const [name, series] of this.#lines) {
      if (wanted.has(name)) continue;
      this.#chart.removeSeries(series);
      this.#lines.delete(name);
    }
    const panes = [...new Set(drawing.lines.map((line) => line.pane).filter((pane) => pane !== "price"))];
    drawing.lines.forEach((line, at) => {
      const series = this.#lines.get(line.name) ?? this.#addLine(line, at, panes.indexOf(line.pane) + 1);
      this.#lines.set(line.name, series);
      series.setData(
        drawing.bars.map((bar, index) => {
          const value = line.values[index];
          return value === null || value === undefined ? { time: timeOf(bar.on) } : { time: timeOf(bar.on), value };
        }),
      );
    });
  }

  #addLine(line: Line, at: number, pane: number): ISeriesApi<"Line"> | ISeriesApi<"Histogram"> {
    const options = { color: HUES[at % HUES.length]!, lastValueVisible: pane > 0, priceLineVisible: false, title: pane > 0 ? line.name.split(").").at(-1)! : "" };
    if (line.histogram) return this.#chart.addSeries(HistogramSeries, options, pane);
    return this.#chart.addSeries(LineSeries, { ...options, lineWidth: 2, crosshairMarkerVisible: false }, pane);
  }

  #drawLegs(drawing: Drawing): void {
    for (const leg of this.#legs) this.#chart.removeSeries(leg);
    const days = new Set(drawing.bars.map((bar) => bar.on));
    this.#legs = drawing.legs
      .filter((leg) => days.has(leg.high_on) && days.has(leg.low_on) && leg.high_on < leg.low_on)
      .map((leg) => {
        const series = this.#chart.addSeries(LineSeries, { color: this.#ink.accent, lineWidth: 3, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false });
        series.setData([
          { time: timeOf(leg.high_on), value: leg.high },
          { time: timeOf(leg.low_on), value: leg.low },
        ]);
        return series;
      });
  }

  #drawLevels(drawing: Drawing): void {
    for (const level of this.#levels) this.#candles.removePriceLine(level);
    const colours = { entry: this.#ink.accent, pivot: this.#ink.accent, stop: this.#ink.down, target: this.#ink.up };
    this.#levels = drawing.levels.map((level) =>
      this.#candles.createPriceLine({ price: level.price, color: colours[level.kind], title: t(`symbol.${level.kind}`), lineStyle: LineStyle.Dashed, lineWidth: 1, axisLabelVisible: true }),
    );
  }

  #marker(mark: Mark): SeriesMarker<Time> {
    const isIn = mark.kind === "triggered" || mark.kind === "armed";
    return { time: timeOf(mark.on), position: isIn ? "belowBar" : "aboveBar", shape: mark.kind === "armed" ? "circle" : isIn ? "arrowUp" : "arrowDown", color: this.#ink.accent, text: t(`state.${mark.kind}`) };
  }
}
