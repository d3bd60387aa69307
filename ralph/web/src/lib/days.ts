// Stepping from Session to Session, by the exchange's calendar.

import { read } from "./api.svelte";

const AROUND_DAYS = 21; // longer than any run of closed days

const known = new Map<string, Promise<string[]>>();

function shifted(day: string, days: number): string {
  const at = new Date(`${day}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

async function around(day: string): Promise<string[]> {
  let asked = known.get(day);
  if (!asked) {
    const query = { from: shifted(day, -AROUND_DAYS), to: shifted(day, AROUND_DAYS) };
    asked = read("/api/v1/calendar", { query }).then((agenda) => agenda.sessions.map((session) => session.on));
    known.set(day, asked);
    asked.catch(() => known.delete(day));
  }
  return asked;
}

/** The Session before or after a day; the day itself where the calendar knows none, never one after `newest`. */
export async function step(day: string, by: -1 | 1, newest: string): Promise<string> {
  const days = await around(day);
  const next = by === 1 ? days.find((each) => each > day) : days.filter((each) => each < day).at(-1);
  return !next || next > newest ? day : next;
}
