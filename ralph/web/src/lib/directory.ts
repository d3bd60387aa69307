// What is listed, by code: for sectors beside matches. Read once, in pages.

import { read, type Schemas } from "./api.svelte";

const PAGE = 1_000;

let reading: Promise<ReadonlyMap<string, Schemas["Listing"]>> | null = null;
let readFor: string | undefined;

/** Every Symbol of the workspace. */
export function allSymbols(workspace: string | undefined): Promise<ReadonlyMap<string, Schemas["Listing"]>> {
  if (!reading || readFor !== workspace) {
    readFor = workspace;
    reading = load();
    reading.catch(() => (reading = null));
  }
  return reading;
}

async function load(): Promise<ReadonlyMap<string, Schemas["Listing"]>> {
  const found = new Map<string, Schemas["Listing"]>();
  let cursor: string | null | undefined = null;
  do {
    const page: Schemas["SymbolPage"] = await read("/api/v1/symbols", { query: { limit: PAGE, cursor } });
    for (const each of page.symbols) found.set(each.symbol, each);
    cursor = page.next;
  } while (cursor);
  return found;
}
