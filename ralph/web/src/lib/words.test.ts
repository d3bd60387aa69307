import { expect, test, vi } from "vitest";

vi.mock("./settings.svelte", () => ({ settings: { language: "ko" } }));

const { WORDS } = await import("./words");

const files = import.meta.glob<string>(["../**/*.ts", "../**/*.svelte", "!../**/words*.ts", "!../**/*.test.ts"], { query: "?raw", import: "default", eager: true });
const code = Object.values(files).join("\n");
/** Keys made of a part and a value of the API: their first part is enough. */
const families = new Set([...code.matchAll(/(?:named\("|t\(`)([\w.]+?)(?:"|\.?\$)/g)].map((match) => match[1]!));

test("every word is there in both languages, with the same places for values", () => {
  for (const [key, [korean, english]] of Object.entries(WORDS)) {
    expect(korean.trim(), key).not.toBe("");
    expect(english.trim(), key).not.toBe("");
    const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map((match) => match[0]).sort();
    expect(places(korean), key).toEqual(places(english));
  }
});

test("no word is written that no page says", () => {
  const unused = Object.keys(WORDS).filter((key) => !code.includes(`"${key}"`) && !families.has(key.split(".")[0]!) && ![...families].some((family) => key.startsWith(`${family}.`) || key.startsWith(family)));
  expect(unused).toEqual([]);
});
