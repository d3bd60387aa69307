// Symbols that somebody does not want to see in lists for some days. Kept in this browser.

const KEY = "ralph.hidden";
const DAYS = 5;
const DAY_MS = 86_400_000;

function load(): Record<string, number> {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, number>;
    return Object.fromEntries(Object.entries(kept).filter(([, until]) => until > Date.now()));
  } catch {
    return {}; // a browser that keeps nothing, or kept what is no JSON
  }
}

const until = $state<Record<string, number>>(load());

function keep(): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(until));
  } catch {
    // It holds for this visit.
  }
}

export function isHidden(symbol: string): boolean {
  return symbol in until;
}

export function hide(symbol: string): void {
  until[symbol] = Date.now() + DAYS * DAY_MS;
  keep();
}

/** Show one again, or those given. */
export function unhide(symbols: readonly string[]): void {
  for (const symbol of symbols) delete until[symbol];
  keep();
}
