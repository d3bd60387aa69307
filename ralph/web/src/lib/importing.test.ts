import { expect, test, vi } from "vitest";

vi.mock("./api.svelte", () => ({ address: () => "", ask: () => undefined }));

const { columnsOf, guessed } = await import("./importing");

test.each([
  ["prices.csv", "bars"],
  ["시세_2026.xlsx", "bars"],
  ["분봉.csv.gz", "minutes"],
  ["market_flows.csv", "market-flows"],
  ["flows.parquet", "flows"],
  ["종목목록.csv", "symbols"],
  ["상장주식수.csv", "shares"],
  ["KOSPI_index.csv", "index"],
  ["actions.csv", "actions"],
])("the name %s speaks of %s", (name, kind) => {
  expect(guessed(name)).toBe(kind);
});

test("columns are named one by one", () => {
  expect(columnsOf(" close=adj close , date=일자,, ")).toEqual(["close=adj close", "date=일자"]);
  expect(columnsOf("")).toEqual([]);
});
