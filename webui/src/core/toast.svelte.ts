// Short messages at the bottom of the window, with Undo where something can be taken back.
import { tell } from "./problem";

export interface Toast {
  id: number;
  text: string;
  kind: "info" | "error";
  hint?: string;
  details?: string;
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 6000;
const ERROR_MS = 15000;

const state = $state<{ items: Toast[] }>({ items: [] });
const timers = new Map<number, ReturnType<typeof setTimeout>>();
let last = 0;

export function toasts(): Toast[] {
  return state.items;
}

export function dismiss(id: number): void {
  hold(id);
  state.items = state.items.filter((item) => item.id !== id);
}

export function dismissAll(): void {
  for (const item of state.items) dismiss(item.id);
}

/** Stop the clock of a toast (pointer or focus is on it). */
export function hold(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

export function release(id: number): void {
  const item = state.items.find((one) => one.id === id);
  if (!item) return;
  hold(id);
  timers.set(
    id,
    setTimeout(() => dismiss(id), item.kind === "error" ? ERROR_MS : SHOWN_MS),
  );
}

function show(toast: Omit<Toast, "id">): number {
  last += 1;
  state.items = [...state.items.slice(-3), { ...toast, id: last }];
  release(last);
  return last;
}

export function inform(text: string, action?: Toast["action"]): number {
  return show(action ? { text, kind: "info", action } : { text, kind: "info" });
}

export function complain(error: unknown, what = ""): number {
  const told = tell(error);
  const text = what ? `${what}: ${told.what}` : told.what;
  return show({ text, kind: "error", hint: told.hint, details: told.details });
}

/** Run something that may fail and show its failure as a toast; true when it worked. */
export async function attempt(work: () => Promise<unknown>, what = ""): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    complain(error, what);
    return false;
  }
}
