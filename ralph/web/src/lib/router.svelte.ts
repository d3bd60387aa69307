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

/** Key by key: a view that looks at one parameter is not woken by another. */
function moved(): void {
  const now = read();
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
  history.pushState(null, "", address);
  moved();
  document.querySelector<HTMLElement>("main")?.focus({ preventScroll: false });
}

/** Change parameters of this view; null takes one away. Typing replaces the address, choices add to the history. */
export function put(changes: Record<string, string | null>, how: "replace" | "push" = "replace"): void {
  const query: Record<string, string | null> = { ...place.query, ...changes };
  const address = href(place.path, query);
  if (address === location.pathname + location.search) return;
  if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  moved();
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
  addEventListener("popstate", moved);
  document.addEventListener("click", follow);
  return () => {
    removeEventListener("popstate", moved);
    document.removeEventListener("click", follow);
  };
}
