// Short notices at the edge of the page, some with a way back.

export interface Toast {
  id: number;
  text: string;
  undo?: () => void;
}

const SHOWN_MS = 6_000;

let next = 1;

export const toasts = $state<{ list: Toast[] }>({ list: [] });

export function notify(text: string, undo?: () => void): void {
  const toast: Toast = undo ? { id: next, text, undo } : { id: next, text };
  next += 1;
  toasts.list = [...toasts.list.slice(-3), toast];
  setTimeout(() => dismiss(toast.id), SHOWN_MS);
}

export function dismiss(id: number): void {
  toasts.list = toasts.list.filter((toast) => toast.id !== id);
}
