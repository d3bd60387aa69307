// The catalogue of indicators, read once.

import { read, type Schemas } from "./api.svelte";

let reading: Promise<readonly Schemas["IndicatorCard"][]> | null = null;

export function allIndicators(): Promise<readonly Schemas["IndicatorCard"][]> {
  if (!reading) {
    reading = read("/api/v1/indicators");
    reading.catch(() => (reading = null));
  }
  return reading;
}
