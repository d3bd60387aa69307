// Keeps the pages' own files for a start while the server is away (public/sw.js does the work).

/** Ask the browser to keep them; one that cannot, or does not trust this address, works as before. */
export function keepForOffline(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  addEventListener("load", () => void keep());
}

async function keep(): Promise<void> {
  try {
    await navigator.serviceWorker.register("/sw.js");
    const ready = await navigator.serviceWorker.ready;
    // What this first visit loaded was not seen by the worker: it is told.
    const files = performance.getEntriesByType("resource").map((entry) => new URL(entry.name)).filter((url) => url.origin === location.origin && url.pathname.startsWith("/assets/"));
    ready.active?.postMessage(["/", ...files.map((url) => url.pathname)]);
  } catch {
    // Private windows refuse it.
  }
}
