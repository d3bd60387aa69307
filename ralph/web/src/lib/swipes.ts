// A finger that moves quickly to the side turns the page.

const LEAST_PX = 50;
const LONGEST_MS = 600; // slower is a chart that is dragged

/** How a swipe from here to there turns: to the next, to the one before, or not at all. Pure. */
export function turned(from: { x: number; y: number; at: number }, to: { x: number; y: number; at: number }): 1 | -1 | 0 {
  const [across, down] = [to.x - from.x, to.y - from.y];
  if (to.at - from.at > LONGEST_MS || Math.abs(across) < LEAST_PX || Math.abs(across) < 2 * Math.abs(down)) return 0;
  return across < 0 ? 1 : -1;
}

/** Tell of swipes over an element; a second finger makes it none. */
export function swipes(node: HTMLElement, onturn: (by: 1 | -1) => void): { destroy: () => void } {
  let began: { x: number; y: number; at: number } | null = null;
  const placeOf = (event: TouchEvent): { x: number; y: number; at: number } => ({ x: event.changedTouches[0]!.clientX, y: event.changedTouches[0]!.clientY, at: event.timeStamp });
  const start = (event: TouchEvent): void => {
    began = event.touches.length === 1 ? placeOf(event) : null;
  };
  const end = (event: TouchEvent): void => {
    const by = began ? turned(began, placeOf(event)) : 0;
    began = null;
    if (by) onturn(by);
  };
  node.addEventListener("touchstart", start, { passive: true });
  node.addEventListener("touchend", end, { passive: true });
  return {
    destroy: () => {
      node.removeEventListener("touchstart", start);
      node.removeEventListener("touchend", end);
    },
  };
}
