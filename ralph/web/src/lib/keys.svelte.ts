// Keyboard: every page registers its keys with a word for each, and `?` shows them all.

import { settings } from "./settings.svelte";
import type { Word } from "./words";

export interface Binding {
  keys: string; // as KeyboardEvent.key, with Ctrl+ before it; several with a space between them
  word: Word;
  run: (event: KeyboardEvent) => void;
  group?: Word;
}

let stack = $state.raw<readonly (readonly Binding[])[]>([]);

/** All keys that are bound now, those of the frame first. */
export function bindings(): readonly Binding[] {
  return stack.flat();
}

/** Bind keys for as long as a view is shown; returns what unbinds them. */
export function bind(list: readonly Binding[]): () => void {
  stack = [...stack, list];
  return () => {
    stack = stack.filter((each) => each !== list);
  };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && !!target.closest("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]");
}

function named(event: KeyboardEvent): string {
  return event.ctrlKey || event.metaKey ? `Ctrl+${event.key.toLowerCase()}` : event.key;
}

export function startKeys(): () => void {
  const press = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    const name = named(event);
    if (!settings.singleKeys && /^[a-z0-9[\]/?]$/i.test(name)) return;
    if (isTyping(event.target) && !name.startsWith("Ctrl+") && name !== "Escape") return;
    if (event.key === " " && event.target instanceof Element && event.target.closest("button, a, summary")) return;
    if (document.querySelector("dialog[open]") && name !== "Escape" && !name.startsWith("Ctrl+")) return;
    for (const binding of [...bindings()].reverse()) {
      if (binding.keys.split(" ").some((key) => (key === "Space" ? " " : key) === name)) {
        event.preventDefault();
        binding.run(event);
        return;
      }
    }
  };
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}
