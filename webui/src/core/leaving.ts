// Signing out: everything that was shown or loaded goes with the page, in every tab.
import { remember } from "./prefs.svelte";
import { signOut } from "./session.svelte";

const CHANNEL = "nora-session";

/** Textures, rows, names and what was typed live in this page alone: a fresh one knows nothing. */
function startAfresh(): void {
  location.replace("/login");
}

/** End the session and leave nothing behind. */
export async function leave(): Promise<void> {
  await signOut();
  remember("lastSql", "");
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage("left");
  channel.close();
  startAfresh();
}

/** Leave with another tab of this browser; returns what stops it. */
export function leaveWithOthers(): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = startAfresh;
  return () => channel.close();
}
