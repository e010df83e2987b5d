// Quality control: keys set one of some tags on the case or its file; how far one has come.
import { api, path } from "../../core/api";
import { gather, on as onEvent, type EventData } from "../../core/events.svelte";
import { may, session } from "../../core/session.svelte";
import { complain, inform } from "../../core/toast.svelte";
import type { Items, Schema } from "../../core/types";
import { viewer } from "../../viewer";
import { history } from "../history.svelte";
import { cohort } from "./cohort.svelte";
import { MARKS, type Entry, type Mark, type Rated } from "./preset";
import { auto } from "./state.svelte";
import { say, text } from "./strings";
import { goTo } from "./walking";

const CHUNK = 1000;

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

class Quality {
  on = $state(false);
  /** Go to the next case without a rating once one is rated. */
  advance = $state(true);
  rated: ReadonlyMap<string, Rated> = $state.raw(new Map());
  error: unknown = $state.raw(null);
  busy = $state(false);
  /** A rating is on its way: the next key is for the next case. */
  private rating = false;
  private done: { case: string; operation: number }[] = $state.raw([]);
  private round = 0;

  get marks(): readonly Mark[] {
    const own = auto.preset.rating.marks;
    return own.length > 0 ? own : MARKS;
  }

  /** The entry whose first file is the picture of a case, and is rated if the preset says so. */
  get entry(): Entry | null {
    const shown = auto.preset.entries.filter((one) => one.enabled && !one.studies.trim());
    const images = shown.filter(({ intent }) => !intent.overlay && !intent.roi);
    return images.find(({ intent }) => !intent.annotation) ?? null;
  }

  markOf(name: string): Mark | null {
    const tags = this.rated.get(name)?.tags ?? [];
    return this.marks.find((mark) => tags.some((tag) => same(tag, mark.tag))) ?? null;
  }

  get current(): Mark | null {
    return auto.current ? this.markOf(auto.current.case) : null;
  }

  get nRated(): number {
    return cohort.names.filter((name) => this.markOf(name) !== null).length;
  }

  get mayUndo(): boolean {
    return this.done.length > 0;
  }

  /** Read the ratings of all cases. */
  async load(): Promise<void> {
    const mine = ++this.round;
    this.busy = true;
    try {
      const names = await cohort.ensure();
      const found = new Map<string, Rated>();
      for (let i = 0; i < names.length; i += CHUNK)
        for (const row of await this.ask(names.slice(i, i + CHUNK))) found.set(row.case, row);
      if (mine !== this.round) return;
      this.rated = found;
      this.error = null;
    } catch (error) {
      if (mine === this.round) this.error = error;
    } finally {
      if (mine === this.round) this.busy = false;
    }
  }

  private async ask(cases: readonly string[]): Promise<Rated[]> {
    const { entry } = this;
    const body = {
      cases,
      tags: this.marks.map(({ tag }) => tag),
      level: auto.preset.level,
      entry,
      of_file: auto.preset.rating.level === "file" && entry !== null,
    };
    const { project } = session;
    return (await api.post<Items<Rated>>("/autoloader/ratings", body, { project })).items;
  }

  private async target(name: string): Promise<Rated | null> {
    return this.rated.get(name) ?? (await this.ask([name]))[0] ?? null;
  }

  /** Set a mark on the case in sight; null takes its rating away. */
  async rate(mark: Mark | null): Promise<void> {
    const name = auto.current?.case;
    if (!may("editor")) return void inform(text.noRight);
    if (!name || !auto.settled || this.rating) return void viewer.tell(text.waitForCase);
    this.rating = true;
    try {
      const row = await this.target(name);
      if (!row || row.id === null) return void inform(text.noFile);
      const operation = await this.write(row, mark);
      if (operation !== null) this.remember(row.case, operation, mark);
      viewer.tell(say("ratedAs", { name, label: mark ? mark.label || mark.tag : text.unrate }));
      if (mark && this.advance) await this.unrated(1, true);
    } catch (error) {
      complain(error, text.ratingFailed);
    } finally {
      this.rating = false;
    }
  }

  private async write(row: Rated, mark: Mark | null): Promise<number | null> {
    const add = mark && !row.tags.some((tag) => same(tag, mark.tag)) ? [mark.tag] : [];
    const remove = row.tags.filter((tag) => !mark || !same(tag, mark.tag));
    if (add.length + remove.length === 0) return null;
    const body = { level: row.level, ids: [row.id], add, remove };
    const done = await api.post<Schema["TagsChanged"]>("/tags", body);
    this.put({ ...row, tags: mark ? [mark.tag] : [] });
    return done.operation_id ?? null;
  }

  private put(row: Rated): void {
    this.rated = new Map(this.rated).set(row.case, row);
  }

  /** One history for all tools: Ctrl+Z takes a rating back, too. */
  private remember(name: string, operation: number, mark: Mark | null): void {
    this.done = [...this.done, { case: name, operation }];
    const row = this.rated.get(name);
    let last = operation;
    history.push({
      label: say("ratedAs", { name, label: mark?.label ?? text.unrate }),
      bytes: 64,
      undo: () => void this.takeBack(name, last),
      redo: () => {
        if (row) void this.redo(this.rated.get(name) ?? row, mark).then((n) => (last = n ?? last));
      },
    });
  }

  private async redo(row: Rated, mark: Mark | null): Promise<number | null> {
    try {
      const operation = await this.write(row, mark);
      if (operation !== null) this.done = [...this.done, { case: row.case, operation }];
      return operation;
    } catch (error) {
      complain(error, text.ratingFailed);
      return null;
    }
  }

  /** Take the last rating back and show its case again. */
  async undo(): Promise<void> {
    const last = this.done.at(-1);
    if (!last) return void viewer.tell(text.nothingToUndo);
    await this.takeBack(last.case, last.operation);
  }

  private async takeBack(name: string, operation: number): Promise<void> {
    if (!this.done.some((one) => one.operation === operation)) return;
    this.done = this.done.filter((one) => one.operation !== operation);
    try {
      await api.post(path("operations", operation, "undo"));
      for (const row of await this.ask([name])) this.put(row);
      viewer.tell(say("ratingUndone", { name }));
      if (auto.current?.case !== name) await goTo(name);
    } catch (error) {
      complain(error, text.ratingFailed);
    }
  }

  /** The nearest case without a rating in a direction; past the end it begins anew. */
  async unrated(by: 1 | -1, quiet = false): Promise<void> {
    const names = await cohort.ensure();
    const n = names.length;
    for (let step = 1; step <= n; step++) {
      const name = names[(((cohort.at + by * step) % n) + n) % n]!;
      if (this.markOf(name) === null && name !== auto.current?.case) return void (await goTo(name));
    }
    if (!quiet || this.nRated === n) viewer.tell(say("allRated", { n }));
  }

  /** Tags of others count, too. */
  follow(): () => void {
    const read = gather<EventData>(600, () => {
      if (this.on) void this.load();
    });
    return onEvent("tags.changed", read);
  }
}

export const quality = new Quality();
