import { expect, test } from "vitest";

import { joined, pieces, replaced, tokens } from "./editing";

test("pieces put together are the text, and what is wrong is marked", () => {
  expect(pieces("rsii(14) < 30", [{ position: 0, length: 4 }])).toEqual([
    { text: "rsii", bad: true },
    { text: "(14) < 30", bad: false },
  ]);
  expect(pieces("close >", [{ position: 7, length: 0 }]).at(-1)).toEqual({ text: " ", bad: true });
  expect(pieces("close > 1", [])).toEqual([{ text: "close > 1", bad: false }]);
});

test("numbers of a part are apart from its text, and none is taken out of a name", () => {
  expect(tokens("rsi(14) < 30").map((each) => each.kind)).toEqual(["text", "number", "text", "number"]);
  expect(tokens("trend_template().count7 == 7").filter((each) => each.kind === "number")).toHaveLength(1);
  for (const part of ["rsi(14) < 30.5", "close > -1", "종가 > 이평(20)", "close crosses_above sma(close, 50)"])
    expect(tokens(part).map((each) => each.text).join("")).toBe(part);
});

test("another number leaves the rest as it was", () => {
  expect(replaced("rsi(14) < 30", 3, "35")).toBe("rsi(14) < 35");
  expect(replaced("rsi(14) < 30", 1, "9")).toBe("rsi(9) < 30");
});

test("parts are joined so that each is asked for", () => {
  expect(joined(["a > 1 or b > 1", "c > 1"])).toBe("(a > 1 or b > 1) and c > 1");
  expect(joined(["a > 1 or b > 1"])).toBe("a > 1 or b > 1");
});
