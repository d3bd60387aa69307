// What runs by itself: begun now, resting, going on.

import { post, read, type Schemas } from "./api.svelte";

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
