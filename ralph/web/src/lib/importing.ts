// Sending a file to the importer: first as a dry run that stores nothing, then for good.

import { address, ask, type Schemas } from "./api.svelte";

export const IMPORT_KINDS = ["bars", "minutes", "symbols", "shares", "flows", "market-flows", "index", "actions"] as const;
export const UNITS = ["won", "thousand", "million", "eok"] as const;

export type ImportKind = (typeof IMPORT_KINDS)[number];
export type ImportReport = Schemas["ImportReport"];

export interface Wish {
  file: File;
  kind: ImportKind;
  adjusted: boolean;
  timezone: string; // of minutes without an offset
  unit: string; // of market flows
  columns: string; // FIELD=NAME, commas between
}

const LARGE_BYTES = 32 << 20; // from here on a job does it, which tells how far it is

export function isLarge(file: File): boolean {
  return file.size > LARGE_BYTES;
}

/** What a file most likely holds, by its name. */
export function guessed(name: string): ImportKind {
  const text = name.toLowerCase();
  const signs: readonly (readonly [RegExp, ImportKind])[] = [
    [/market[-_ ]?flow|시장.?수급/, "market-flows"],
    [/minute|분봉/, "minutes"],
    [/flow|수급/, "flows"],
    [/symbol|종목.?(목록|리스트)|listing/, "symbols"],
    [/share|상장주식|시가총액/, "shares"],
    [/index|indices|지수/, "index"],
    [/action|split|분할|증자/, "actions"],
  ];
  return signs.find(([sign]) => sign.test(text))?.[1] ?? "bars";
}

/** The column names written by hand, one each. */
export function columnsOf(text: string): string[] {
  return text.split(",").map((each) => each.trim()).filter(Boolean);
}

function place(wish: Wish, dryRun: boolean): string {
  const query = {
    filename: wish.file.name,
    kind: wish.kind,
    adjusted: wish.adjusted,
    dry_run: dryRun,
    timezone: wish.kind === "minutes" ? wish.timezone : null,
    unit: wish.kind === "market-flows" ? wish.unit : null,
    column: columnsOf(wish.columns),
    workspace: "main",
  };
  return address("/api/v1/imports", { query });
}

const BYTES = { "Content-Type": "application/octet-stream" };

/** What would become of the file; nothing is stored. */
export async function preview(wish: Wish, signal: AbortSignal): Promise<ImportReport> {
  return (await (await ask("POST", place(wish, true), { body: wish.file, signal, headers: BYTES })).json()) as ImportReport;
}

/** Store the file; null where a job does it. */
export async function store(wish: Wish): Promise<ImportReport | null> {
  const headers = isLarge(wish.file) ? { ...BYTES, Prefer: "respond-async" } : BYTES;
  const response = await ask("POST", place(wish, false), { body: wish.file, headers });
  const answer = (await response.json()) as unknown;
  return response.status === 202 ? null : (answer as ImportReport);
}
