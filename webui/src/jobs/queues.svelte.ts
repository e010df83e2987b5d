// The queues that jobs may be put in, as the settings name them.
import { api } from "../core/api";

let known = $state.raw<string[]>([]);

export const queues = {
  get all(): string[] {
    return known;
  },
};

/** Read them once; without them a field still holds what it has. */
export async function wantQueues(): Promise<void> {
  if (known.length > 0) return;
  const found = await api.get<{ items: string[] }>("/queues").catch(() => null);
  if (found) known = found.items;
}
