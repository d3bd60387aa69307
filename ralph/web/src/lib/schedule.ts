// What runs by itself: the answers of /api/v1/schedule.

import { address, ask } from "./api.svelte";

export interface ScheduleState {
  name: string;
  en: string;
  ko: string;
  when: string;
  kind: string;
  workspace: string | null;
  screen: string | null;
  paused: boolean;
  last: { tick: string; by_hand: boolean; job: string | null; state: string | null } | null;
  next_at: string | null;
}

export interface Outlook {
  now: string;
  until: string;
  schedules: readonly ScheduleState[];
  upcoming: readonly { at: string; name: string }[];
  truncated: boolean;
}

const PLACE = "/api/v1/schedule";

export async function outlook(signal: AbortSignal): Promise<Outlook> {
  return (await (await ask("GET", address(PLACE), { signal })).json()) as Outlook;
}

/** Begin one now, or let it rest, or go on. */
export async function tell(name: string, what: "run" | "pause" | "resume"): Promise<void> {
  await ask("POST", address(`${PLACE}/{name}/${what}`, { path: { name } }));
}
