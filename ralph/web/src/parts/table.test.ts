import { describe, expect, it } from "vitest";

import { breadth } from "./table";

describe("the width of a text", () => {
  it("is that of its digits, and more for signs that are wider", () => {
    expect(breadth("71500")).toBe(5);
    expect(breadth("71,500")).toBeLessThan(6);
    expect(breadth("▲5.00%")).toBeGreaterThan(6);
    expect(breadth("삼성전자")).toBeGreaterThan(breadth("abcdef"));
    expect(breadth("")).toBe(0);
  });
});
