// Keeps the dashboard's own files, so that a start while Ralph is away shows the page that says so, not the browser's
// error. Data is never kept: what the pages show is what Ralph answers now.

const KEPT = "ralph-1";
const DOCUMENT = "/"; // the one document of all addresses
const FILES_MAX = 120; // some builds; the oldest go

self.addEventListener("install", () => self.skipWaiting());

// A page that was there before this worker tells what it had loaded.
self.addEventListener("message", (event) => event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(event.data))));

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && isPage(pathname)) event.respondWith(page(event.request));
  else if (pathname.startsWith("/assets/")) event.respondWith(file(event.request));
});

function isPage(pathname) {
  return !["/api/", "/schema", "/static/", "/metrics", "/health", "/docs/"].some((prefix) => pathname.startsWith(prefix));
}

async function page(request) {
  const cache = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok && answer.type === "basic" && !answer.redirected) await cache.put(DOCUMENT, answer.clone());
    return answer;
  } catch (error) {
    const known = await cache.match(DOCUMENT);
    if (known) return known;
    throw error;
  }
}

// The name of a file changes with its contents: one that is known is right.
async function file(request) {
  const cache = await caches.open(KEPT);
  const known = await cache.match(request);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request, answer.clone());
    const all = await cache.keys();
    const files = all.filter((each) => new URL(each.url).pathname !== DOCUMENT);
    await Promise.all(files.slice(0, Math.max(0, files.length - FILES_MAX)).map((each) => cache.delete(each)));
  }
  return answer;
}
