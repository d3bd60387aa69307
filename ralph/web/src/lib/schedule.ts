// What runs by itself: begun now, resting, going on.

import { post, read, type Schemas } from "./api.svelte";
import { t } from "./words";

export type Telling = "run" | "pause" | "resume";

export function outlook(signal: AbortSignal): Promise<Schemas["Outlook"]> {
  return read("/api/v1/schedule", { signal });
}

export async function tell(name: string, what: Telling): Promise<void> {
  const path = { name };
  if (what === "run") await post("/api/v1/schedule/{name}/run", undefined, { path });
  else if (what === "pause") await post("/api/v1/schedule/{name}/pause", undefined, { path });
  else await post("/api/v1/schedule/{name}/resume", undefined, { path });
}

const CRON = /^(\d+) (\d+) \* \* \*$/;
const BELL = /^(\d+) minutes? (after|before) the (open|close)$/;

/** When it runs, in words where it is one of the usual times, else as it was written. */
export function whenOf(schedule: Pick<Schemas["ScheduleState"], "when" | "on_sessions">): string {
  const cron = CRON.exec(schedule.when);
  if (cron) return t(schedule.on_sessions ? "when.session" : "when.day", { at: `${cron[2]!.padStart(2, "0")}:${cron[1]!.padStart(2, "0")}` });
  const bell = BELL.exec(schedule.when);
  return bell ? t(`when.${bell[2] as "after" | "before"}.${bell[3] as "open" | "close"}`, { minutes: bell[1]! }) : schedule.when;
}
