// Watches whether the server answers: says so, and lets pages ask again when it is back.

import { ask, Refusal, server } from "./api.svelte";

const QUIET_MS = 15_000;
const LOST_MS = 1_500;

let again: () => void = () => undefined;

/** Look now: something says that the server is gone, or back. */
export function lookNow(): void {
  again();
}

/** Look after the server until told to stop. */
export function watchServer(): () => void {
  let timer = 0;
  let stopped = false;
  let looking = false;
  const look = async (): Promise<void> => {
    const lost = !server.reachable;
    looking = true;
    try {
      const report = (await (await ask("GET", "/health")).json()) as { version: string };
      server.version = report.version;
      if (lost) server.generation += 1;
      server.reachable = true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    } finally {
      looking = false;
    }
    if (!stopped) timer = window.setTimeout(() => void look(), server.reachable ? QUIET_MS : LOST_MS);
  };
  again = (): void => {
    if (looking || stopped) return;
    clearTimeout(timer);
    void look();
  };
  addEventListener("online", lookNow);
  void look();
  return () => {
    stopped = true;
    clearTimeout(timer);
    removeEventListener("online", lookNow);
  };
}
