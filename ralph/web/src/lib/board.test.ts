import { expect, test, vi } from "vitest";

vi.mock("./live.svelte", () => ({ socket: { listen: () => () => undefined } }));

const { ordered } = await import("./board.svelte");

const quote = (symbol: string, value: number | null) =>
  ({ symbol, price: value, change: 0, change_ratio: 0, open: null, high: null, low: null, volume: 0, value, at: null, session: "regular", venue: "KRX" }) as const;

test("the order is by the number, then by code, and what has none is last either way", () => {
  const quotes = [quote("000003", 5), quote("000001", null), quote("000002", 9), quote("000004", 5)];
  expect(ordered(quotes, "value", "desc")).toEqual(["000002", "000003", "000004", "000001"]);
  expect(ordered(quotes, "value", "asc")).toEqual(["000003", "000004", "000002", "000001"]);
});
