import { describe, expect, it } from "vitest";

import { turned } from "./swipes";

describe("a swipe", () => {
  const from = { x: 200, y: 300, at: 1_000 };
  it("turns to the next when the finger goes left, back when it goes right", () => {
    expect(turned(from, { x: 100, y: 310, at: 1_200 })).toBe(1);
    expect(turned(from, { x: 300, y: 290, at: 1_200 })).toBe(-1);
  });
  it("is none when it is short, slow, or rather up or down", () => {
    expect(turned(from, { x: 170, y: 300, at: 1_200 })).toBe(0);
    expect(turned(from, { x: 100, y: 300, at: 2_000 })).toBe(0);
    expect(turned(from, { x: 130, y: 360, at: 1_200 })).toBe(0);
  });
});
