// Where we are. The address holds the whole state of a view, so that it can be kept, shared and gone back to.

const OURS = /^\/(screener|symbols|signals|live|system|help)?(\/|$)/;

interface Place {
  path: string;
  query: Record<string, string>;
}

function read(): Place {
  return { path: location.pathname, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

export const place = $state<Place>(read());

const WRITE_MS = 160; // browsers refuse more than about two hundred changes of an address in half a minute
const LEAST_MS = 250; // it is not in a hurry: what the key asked for goes first, and is drawn

let unwritten = ""; // an address that is shown already and not yet in the bar
let writing: ReturnType<typeof setTimeout> | undefined;
let wroteAt = 0;

/** Write the address that is due; whoever hands it on asks for this first. */
export function settle(): void {
  clearTimeout(writing);
  if (unwritten) {
    history.replaceState(null, "", unwritten);
    wroteAt = performance.now();
  }
  unwritten = "";
}

/** The view changes at once; its address follows, for typing and flipping change it faster than it may be written. */
function replace(address: string): void {
  unwritten = address;
  clearTimeout(writing);
  writing = setTimeout(settle, Math.max(LEAST_MS, wroteAt + WRITE_MS - performance.now()));
}

/** Key by key: a view that looks at one parameter is not woken by another. */
function moved(now: Place = read()): void {
  place.path = now.path;
  for (const name of Object.keys(place.query)) if (!(name in now.query)) delete place.query[name];
  Object.assign(place.query, now.query);
}

/** An address that stays in the workspace and on the day looked at. */
export function href(path: string, query: Record<string, string | null | undefined> = {}): string {
  const kept = Object.entries({ workspace: place.query.workspace, as_of: place.query.as_of, ...query }).filter((pair): pair is [string, string] => !!pair[1]);
  const text = new URLSearchParams(kept).toString();
  return text ? `${path}?${text}` : path;
}

/** Go to another page of the dashboard. */
export function go(address: string): void {
  settle();
  history.pushState(null, "", address);
  moved();
  document.querySelector<HTMLElement>("main")?.focus({ preventScroll: false });
}

/** Change parameters of this view; null takes one away. Typing replaces the address, choices add to the history. */
export function put(changes: Record<string, string | null>, how: "replace" | "push" = "replace"): void {
  const query: Record<string, string | null> = { ...place.query, ...changes };
  const address = href(place.path, query);
  if (address === (unwritten || location.pathname + location.search)) return;
  if (how === "push") {
    settle();
    history.pushState(null, "", address);
  } else replace(address);
  moved({ path: place.path, query: Object.fromEntries(new URLSearchParams(address.split("?")[1])) });
}

/** Links between pages do not load the document again. */
export function startRouting(): () => void {
  const follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest<HTMLAnchorElement>("a[href]");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!OURS.test(link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  };
  const follows = (): void => {
    clearTimeout(writing);
    unwritten = "";
    moved();
  };
  addEventListener("popstate", follows);
  addEventListener("pagehide", settle);
  document.addEventListener("click", follow);
  return () => {
    removeEventListener("popstate", follows);
    removeEventListener("pagehide", settle);
    document.removeEventListener("click", follow);
  };
}
