// What is new for the user: the number at the bell, live, and notifications on the screen.
import { api } from "../../core/api";
import { gather, on } from "../../core/events.svelte";
import { prefs, remember } from "../../core/prefs.svelte";
import { navigate } from "../../core/router.svelte";
import { t } from "../../core/strings";
import { inform } from "../../core/toast.svelte";
import type { Schema } from "../../core/types";

export type Note = Schema["NotificationRow"];

const SHOWN_AT_ONCE = 3;
const state = $state({ unread: 0 });
/** Time of the newest one that was shown on the screen, or that was there before we looked. */
let shownUntil = "";

export const news = {
  get unread(): number {
    return state.unread;
  },
};

export async function markRead(keys: string[] | null, read = true): Promise<void> {
  state.unread = (await api.post<{ unread: number }>("/notifications/read", { keys, read })).unread;
}

/** The text in the badge: a long number would push the bar about. */
export const badge = (n: number): string => (n > 99 ? "99+" : String(n));

/** Those that are newer than what was shown, oldest first, a few at most. */
export function fresh(items: readonly Note[], since: string): Note[] {
  return items
    .filter((one) => one.updated_at > since)
    .slice(0, SHOWN_AT_ONCE)
    .reverse();
}

export const canShow = (): boolean => "Notification" in window && window.isSecureContext;

/** Switch it on, which asks the browser, or off; tells whether it is on now. */
export async function showOnScreen(wanted: boolean): Promise<boolean> {
  const allowed = wanted && canShow() && (await Notification.requestPermission()) === "granted";
  remember("screenNotes", allowed);
  return allowed;
}

function show(note: Note): void {
  if (document.hasFocus()) {
    inform(note.title, { label: t("notes_show"), run: () => follow(note) });
    return;
  }
  // Tabs share the tag: the same one is shown once.
  const shown = new Notification(note.title, { body: note.text, tag: note.key });
  shown.onclick = () => {
    window.focus();
    follow(note);
    shown.close();
  };
}

function follow(note: Note): void {
  navigate(note.link);
  void markRead([note.key]).catch(() => undefined);
}

async function read(): Promise<void> {
  try {
    const query = { unread: true, limit: 10 };
    const page = await api.get<Schema["NotificationPage"]>("/notifications", query);
    state.unread = page.unread;
    const found = fresh(page.items, shownUntil);
    const first = shownUntil === "";
    shownUntil = page.items[0]?.updated_at ?? (shownUntil || "0");
    const may = prefs.screenNotes && canShow() && Notification.permission === "granted";
    if (may && !first) found.forEach(show);
  } catch {
    // the status bar tells about a lost connection
  }
}

/** Begin to look; returns what stops it. */
export function followNews(): () => void {
  void read();
  const soon = gather(300, () => void read());
  return on(["notification.changed", "resync"], soon);
}
