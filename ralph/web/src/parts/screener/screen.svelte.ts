// The screen that is being written: its text, what the server says of it, and what it finds. All its choices are in
// the address.

import { Asked, post, read, type Schemas } from "../../lib/api.svelte";
import { place, put } from "../../lib/router.svelte";

export const CHANGE = "change(close, 1)";
export const RANGE_52 = "(close - lowest(252)) / (highest(252) - lowest(252))";
export const COLUMNS = ["close", CHANGE, "value", RANGE_52];

const PAGE = 36; // more than a screen of rows; scrolling brings the next
const STILL_MS = 600; // who types no more for so long may want to know who nearly matched
const SEPARATOR = ";";

type Extra = "funnel" | "sparkline" | "excluded";

export class Screen {
  text = $state(place.query.q ?? "");
  checked = $state.raw<{ text: string; said: Schemas["Checked"] } | null>(null);
  answer = new Asked<Schemas["Answer"]>();
  misses = new Asked<readonly Schemas["NearMiss"][]>(); // of the answer; they cost several times what it does
  answered = $state(""); // the text that the answer is of
  tookMs = $state(0); // from the key to the answer
  #missing: ReturnType<typeof setTimeout> | undefined;
  #asked: Schemas["Request"] | null = null; // what the answer is of
  #more: Promise<void> | null = null;

  /** What the server says of the text as it stands; null while it has not said anything yet. */
  get said(): Schemas["Checked"] | null {
    return this.checked?.text === this.text ? this.checked.said : null;
  }

  get universe(): string {
    return place.query.universe ?? "";
  }

  get columns(): string[] {
    return (place.query.cols ?? "").split(SEPARATOR).filter(Boolean);
  }

  set columns(list: string[]) {
    put({ cols: list.join(SEPARATOR) || null }, "push");
  }

  get sort(): { key: string; order: "asc" | "desc" } {
    const key = place.query.sort || "score";
    const usual = key === "symbol" || key === "name" ? "asc" : "desc";
    return { key, order: place.query.order === "asc" || place.query.order === "desc" ? place.query.order : usual };
  }

  /** Another text: every key asks at once, and what the key before asked for is no longer waited for. */
  write(text: string, position: number | null): void {
    this.text = text;
    this.#later(STILL_MS); // nothing that costs more than a key stands before the next one
    void this.#ask(position);
    put({ q: text || null, screen: text ? (place.query.screen ?? null) : null });
  }

  /** The same text again: something else has changed. */
  async refresh(): Promise<void> {
    await this.#ask(null);
  }

  /** What is to be said of the text, and what it finds where it is a screen: one question, as a key waits for both. */
  async #ask(position: number | null): Promise<void> {
    const startedAt = performance.now();
    const text = this.text;
    if (!text.trim()) {
      this.answer.clear();
      this.misses.clear();
      this.#asked = null;
      this.checked = null;
      return;
    }
    const request = this.#request(["funnel", "sparkline", ...(place.query.tab === "excluded" ? (["excluded"] as const) : [])]);
    let found: Schemas["Answer"] | null = null;
    const isNewest = await this.answer.run(async (signal) => {
      const { checked, answer } = await post("/api/v1/screens/draft", { request, position }, { signal });
      if (this.text === text) this.checked = { text, said: checked };
      found = answer ?? null;
      return found ?? this.answer.data!; // while the text is no screen, what the one before found stays in sight
    });
    if (!isNewest || this.answer.refusal || !found) return;
    this.misses.clear();
    this.#asked = request;
    this.answered = text;
    this.tookMs = performance.now() - startedAt;
    this.#later(place.query.tab === "near" || !this.answer.data?.total_matches ? 0 : STILL_MS);
  }

  /** Ask who nearly matched in a while, unless it is known of this answer; what is being asked now is not waited for. */
  #later(wait: number): void {
    clearTimeout(this.#missing);
    this.misses.stop();
    this.#missing = setTimeout(() => {
      if (this.#asked && !this.misses.data) void this.#nearly(this.#asked);
    }, wait);
  }

  /** Who fails one part only, of what was asked. */
  async #nearly(request: Schemas["Request"]): Promise<void> {
    await this.misses.run(async (signal) => (await post("/api/v1/screens/run", { ...request, columns: [], limit: 1, with: ["near_misses"] }, { signal })).near_misses ?? []);
  }

  #request(extras: Extra[], cursor: string | null = null): Schemas["Request"] {
    const { key, order } = this.sort;
    return {
      expression: this.text,
      as_of: place.query.as_of ?? null,
      universe: this.universe || null,
      columns: [...COLUMNS, ...this.columns],
      sort: key,
      order,
      limit: PAGE,
      cursor,
      with: extras,
    };
  }

  /** The next page of matches below those that are here. */
  more(): void {
    const there = this.answer.data;
    if (!there?.next_cursor || this.#more || this.answer.busy) return;
    this.#more = post("/api/v1/screens/run", this.#request(["sparkline"], there.next_cursor))
      .then((page) => {
        if (this.answer.data === there) this.answer.data = { ...there, matches: [...there.matches, ...page.matches], next_cursor: page.next_cursor ?? null };
      })
      .catch(() => undefined) // the list stays as long as it is; scrolling on asks again
      .finally(() => (this.#more = null));
  }

  /** An expression of a number as the server writes it, under which its values come; null where it is none. */
  async canonical(text: string): Promise<string | null> {
    const said = await post("/api/v1/screens/validate", { expression: `${text} > 0`, position: null });
    return said.valid && said.canonical?.endsWith(" > 0") ? said.canonical.slice(0, -" > 0".length) : null;
  }
}

/** What the chart beside a list shows: a match, or one that is none. */
export type Shown = Pick<Schemas["Match"], "symbol" | "name" | "values" | "reasons"> & { passes?: boolean };

/** What a link to a saved screen or a share leads to. */
export async function opened(query: Record<string, string>): Promise<Record<string, string | null> | null> {
  if (query.shared) {
    const share = await read("/api/v1/screens/shared/{token}", { path: { token: query.shared } });
    return { q: share.expression, universe: universeText(share.universe), as_of: share.as_of ?? null, screen: share.screen_id, shared: null, workspace: share.workspace };
  }
  if (query.screen && !query.q) {
    const { screen } = await read("/api/v1/screens/{screen_id}", { path: { screen_id: query.screen } });
    return { q: screen.expression, universe: universeText(screen.universe), screen: screen.id };
  }
  return null;
}

export function universeText(universe: string | readonly string[] | null | undefined): string | null {
  return typeof universe === "string" ? universe : universe?.length ? universe.join(",") : null;
}
