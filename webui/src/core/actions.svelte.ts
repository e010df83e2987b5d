// The one table of actions: it binds keys, fills the command palette and draws the key map.

export type Context = "global" | "viewer" | "table" | "jobs" | "reading";

export interface Action {
  id: string;
  label: string;
  context: Context;
  keys?: string[];
  group?: string;
  /** Told in the palette beside the label. */
  detail?: string;
  /** Hidden from the palette (cursor keys and the like). */
  keysOnly?: boolean;
  enabled?: () => boolean;
  run: (event?: KeyboardEvent) => void;
}

const table = $state<{ actions: Action[] }>({ actions: [] });

/** The same beside the state: while an effect is torn down, states read as they were before. */
let present: Action[] = [];

function set(actions: Action[]): void {
  present = actions;
  table.actions = actions;
}

/** Add actions (a later one with the same id replaces the earlier); returns what removes them. */
export function registerActions(actions: Action[]): () => void {
  const ids = new Set(actions.map((action) => action.id));
  set([...present.filter((action) => !ids.has(action.id)), ...actions]);
  return () => {
    const mine = new Set(actions);
    set(present.filter((action) => !mine.has(action)));
  };
}

export function allActions(): Action[] {
  return table.actions;
}

const NAMES: Record<string, string> = {
  " ": "Space",
  Escape: "Esc",
  ArrowUp: "Up",
  ArrowDown: "Down",
  ArrowLeft: "Left",
  ArrowRight: "Right",
  Delete: "Del",
};

/** "Ctrl+Shift+K" for an event; Cmd counts as Ctrl, Shift only where it does not change the sign. */
export function chord(event: KeyboardEvent): string {
  const key = NAMES[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  const letter = /^[A-Z0-9]$/.test(key) || key.length > 1;
  if (event.shiftKey && letter) parts.push("Shift");
  return [...parts, key].join("+");
}

const normal = (keys: string): string =>
  keys
    .split(/\+(?=.)/)
    .map((part) => (part.length === 1 ? part.toUpperCase() : part))
    .join("+");

const TEXT = "input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select";

export function isTextTarget(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return target.matches(TEXT) || target.closest("[contenteditable=true]") !== null;
}

/** Contexts from the innermost outwards; keys nobody claims fall through to the viewer. */
export function contextsOf(target: EventTarget | null, desktop: boolean): Context[] {
  const holder = target instanceof Element ? target.closest<HTMLElement>("[data-keys]") : null;
  const inner = holder?.dataset["keys"] as Context | undefined;
  const contexts: Context[] = [];
  if (inner) contexts.push(inner);
  if (desktop && inner !== "viewer") contexts.push("viewer");
  return [...contexts, "global"];
}

/** What the person is at, such as walking through cases: its keys come before all others. */
let mode: Context | null = null;

export function setMode(context: Context | null): void {
  mode = context;
}

function usable(action: Action, pressed: string, inText: boolean): boolean {
  if (!action.keys?.some((keys) => normal(keys) === pressed)) return false;
  // While typing only chords with Ctrl or Alt and function keys act.
  if (inText && !/^(Ctrl|Alt)\+|^F\d/.test(pressed)) return false;
  return action.enabled?.() ?? true;
}

export function findAction(
  actions: readonly Action[],
  pressed: string,
  contexts: readonly Context[],
  inText: boolean,
): Action | undefined {
  for (const context of contexts) {
    const found = actions.find((a) => a.context === context && usable(a, pressed, inText));
    if (found) return found;
  }
  return undefined;
}

/** Start the one key listener; `desktop` tells whether the viewer is on screen. */
export function startKeys(desktop: () => boolean): () => void {
  const press = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const inText = isTextTarget(event.target);
    const there = contextsOf(event.target, desktop());
    const contexts = mode && desktop() ? [mode, ...there] : there;
    const action = findAction(table.actions, chord(event), contexts, inText);
    if (!action) return;
    event.preventDefault();
    action.run(event);
  };
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}

/** First key of an action for tooltips: " (Ctrl+K)", or "". */
export function keyHint(id: string): string {
  const keys = table.actions.find((action) => action.id === id)?.keys?.[0];
  return keys ? ` (${keys})` : "";
}
