// What a person chose once: language, theme, colours. Kept in this browser.

import type { Language } from "./numbers";

export type Theme = "light" | "dark";
export type Colours = "korean" | "western";

interface Kept {
  language: Language;
  theme: Theme;
  colours: Colours;
  singleKeys: boolean; // keys without Ctrl: some who speak to their computer need them off
}

const KEY = "ralph.settings";

function load(): Kept {
  const fallback: Kept = {
    language: navigator.language.startsWith("ko") ? "ko" : "en",
    theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
    colours: "korean",
    singleKeys: true,
  };
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Kept>;
    return {
      language: kept.language === "ko" || kept.language === "en" ? kept.language : fallback.language,
      theme: kept.theme === "light" || kept.theme === "dark" ? kept.theme : fallback.theme,
      colours: kept.colours === "western" ? "western" : "korean",
      singleKeys: kept.singleKeys !== false,
    };
  } catch {
    return fallback; // a browser that keeps nothing, or kept what is no JSON
  }
}

export const settings = $state<Kept>(load());

/** Put the settings on the document, and keep them. */
export function applySettings(): void {
  const root = document.documentElement;
  root.lang = settings.language;
  root.dataset.theme = settings.theme;
  root.dataset.colours = settings.colours;
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // It holds for this visit.
  }
}

export function switchLanguage(): void {
  settings.language = settings.language === "ko" ? "en" : "ko";
}

export function switchTheme(): void {
  settings.theme = settings.theme === "light" ? "dark" : "light";
}

export function switchColours(): void {
  settings.colours = settings.colours === "korean" ? "western" : "korean";
}
