// Keeps loaded images by key up to a number of bytes; the least recently used go first.
import type { LoadEvents } from "./load";
import type { Volume } from "./volume";

type Loader = (events: LoadEvents) => Promise<Volume>;

interface Entry {
  volume: Volume;
  users: number;
}

interface Pending {
  promise: Promise<Volume>;
  listeners: Set<LoadEvents>;
  abort: AbortController;
  early: Volume | null;
}

const aborted = (): DOMException => new DOMException("The image was closed.", "AbortError");

export class VolumeCache {
  private readonly entries = new Map<string, Entry>();
  private readonly pending = new Map<string, Pending>();

  constructor(private readonly maxBytes = 512 * 2 ** 20) {}

  get bytes(): number {
    return [...this.entries.values()].reduce((sum, { volume }) => sum + volume.bytes, 0);
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** Load once however often it is asked for; counts as one more user until `release`. */
  async acquire(key: string, load: Loader, on: LoadEvents = {}): Promise<Volume> {
    const kept = this.entries.get(key);
    if (kept) {
      this.entries.delete(key);
      this.entries.set(key, kept);
      kept.users++;
      return kept.volume;
    }
    return this.join(key, this.pending.get(key) ?? this.begin(key, load, on.whole), on);
  }

  /** One user less; what can never be asked for again is forgotten with its last one. */
  release(key: string, again = true): void {
    const entry = this.entries.get(key);
    if (entry) entry.users = Math.max(0, entry.users - 1);
    if (entry?.users === 0 && !again) this.entries.delete(key);
    this.trim();
  }

  private begin(key: string, load: Loader, whole = false): Pending {
    const listeners = new Set<LoadEvents>();
    const abort = new AbortController();
    const each = (tell: (on: LoadEvents) => void): void => listeners.forEach(tell);
    const pending: Pending = {
      promise: Promise.resolve(null as never),
      listeners,
      abort,
      early: null,
    };
    pending.promise = load({
      signal: abort.signal,
      whole,
      onHeader: (volume) => {
        pending.early = volume;
        each((on) => on.onHeader?.(volume));
      },
      onSlice: (volume, k) => each((on) => on.onSlice?.(volume, k)),
      onProgress: (fraction) => each((on) => on.onProgress?.(fraction)),
    })
      .then((volume) => {
        // Everybody who still waits is a user, so that trimming cannot take it from them.
        this.entries.set(key, { volume, users: listeners.size });
        return volume;
      })
      .finally(() => {
        this.pending.delete(key);
        queueMicrotask(() => this.trim());
      });
    this.pending.set(key, pending);
    return pending;
  }

  /** Wait with others; the transfer stops only when nobody waits any more. */
  private join(key: string, pending: Pending, on: LoadEvents): Promise<Volume> {
    pending.listeners.add(on);
    if (pending.early) on.onHeader?.(pending.early);
    return new Promise((resolve, reject) => {
      on.signal?.addEventListener("abort", () => {
        pending.listeners.delete(on);
        if (pending.listeners.size === 0) {
          this.pending.delete(key);
          pending.abort.abort();
        }
        reject(aborted());
      });
      pending.promise.then(resolve, reject);
    });
  }

  /** Forget what nobody shows. */
  clear(): void {
    for (const [key, { users }] of this.entries) if (users === 0) this.entries.delete(key);
  }

  private trim(): void {
    for (const [key, { users }] of this.entries) {
      if (this.bytes <= this.maxBytes) return;
      if (users === 0) this.entries.delete(key);
    }
  }
}
