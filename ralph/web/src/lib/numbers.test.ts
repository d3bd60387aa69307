import { describe, expect, test } from "vitest";

import { age, amount, change, clock, count, direction, percent, plain, price, session, stamp, won } from "./numbers";

describe("amounts in won", () => {
  test.each([
    [0, "0"],
    [9_999, "9,999"],
    [12_345, "1.23만"],
    [1_234_567_890, "12.3억"],
    [123_456_789_012, "1,235억"],
    [3_083_205_432_510, "3.08조"],
    [-263_877_941_912, "-2,639억"],
  ])("%d reads as %s in Korean", (value, text) => expect(amount(value, "ko")).toBe(text));

  test.each([
    [999, "999"],
    [1_500, "1.50K"],
    [2_500_000, "2.50M"],
    [3_083_205_432_510, "3.08T"],
    [-12_300_000_000, "-12.3B"],
  ])("%d reads as %s in English", (value, text) => expect(amount(value, "en")).toBe(text));
});

test("what is missing is a dash, never a zero", () => {
  for (const missing of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(price(missing)).toBe("–");
    expect(count(missing)).toBe("–");
    expect(amount(missing, "ko")).toBe("–");
    expect(percent(missing)).toBe("–");
    expect(change(missing)).toBe("–");
    expect(plain(missing)).toBe("–");
    expect(direction(missing)).toBe("flat");
  }
});

test("a change carries its direction in a sign, not only in colour", () => {
  expect(change(0.0523)).toBe("▲5.23%");
  expect(change(-0.0523)).toBe("▼5.23%");
  expect(change(0)).toBe("0.00%");
  expect(change(0.00001)).toBe("0.00%");
  expect([direction(1), direction(-1), direction(0)]).toEqual(["up", "down", "flat"]);
});

test("prices have separators, and fractions only below a hundred", () => {
  expect(price(179300)).toBe("179,300");
  expect(price(98.76)).toBe("98.76");
  expect(price(1234.56)).toBe("1,235");
});

test("an age is told in its largest unit", () => {
  const now = Date.UTC(2026, 10, 20, 6, 30);
  expect(age(now - 30_000, now, "en")).toBe("30 s ago");
  expect(age(now - 7_200_000, now, "ko")).toBe("2시간 전");
  expect(age(now + 5_000, now, "en")).toBe("now");
});

test("instants are shown as the clock in Seoul shows them", () => {
  expect(clock("2026-11-20T06:30:00Z")).toBe("15:30");
  expect(stamp("2026-11-19T23:30:00Z")).toBe("2026-11-20 08:30:00");
});

test("a session is told with its day of the week", () => {
  expect(session("2026-11-20", "ko")).toBe("2026-11-20(금)");
  expect(session("2026-11-22", "en")).toBe("2026-11-22(Sun)");
  expect(session("", "en")).toBe("");
});

test("a tooltip holds the full amount", () => {
  expect(won(1_234_567_890_123, "ko")).toBe("1,234,567,890,123원");
  expect(won(-5, "en")).toBe("KRW -5");
  expect(won(null, "en")).toBe("–");
});
