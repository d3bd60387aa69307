import { expect, test, vi } from "vitest";

vi.mock("./settings.svelte", () => ({ settings: { singleKeys: true } }));

const { bind, bindings } = await import("./keys.svelte");

test("a page's keys leave with it, and those of the frame stay", () => {
  const run = (): void => undefined;
  const leaveFrame = bind([{ keys: "?", word: "keys.help", run }]);
  const leavePage = bind([{ keys: "w", word: "keys.watch", run }]);
  expect(bindings().map((each) => each.keys)).toEqual(["?", "w"]);
  leavePage();
  expect(bindings().map((each) => each.keys)).toEqual(["?"]);
  leaveFrame();
  expect(bindings()).toEqual([]);
});
