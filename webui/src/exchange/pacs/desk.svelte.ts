// One project's search in an archive: what is sought, what was found, what is checked. It stays
// while other pages are open.
import { api } from "../../core/api";
import { may, session, inProject } from "../../core/session.svelte";
import { prefs, remember } from "../../core/prefs.svelte";
import { attempt } from "../../core/toast.svelte";
import {
  countsOf,
  EMPTY,
  isHere,
  kindsOf,
  sharedIds,
  wishedOf,
  type Found,
  type Query,
  type Series,
  type Study,
  type Wished,
} from "./pacs";
import { searchWays, USUAL, type Ways } from "./ways";

const POLL_MS = 400;
const NONE: ReadonlySet<string> = new Set();

export class Desk {
  constructor(private readonly project: string) {}

  node = $state("");
  query = $state<Query>({ ...EMPTY });
  names = $state(may("deanonym"));
  aggregated = $state(true);
  hideHere = $state(false);
  ways = $state<Ways>({ ...USUAL });

  /** What is known of the search besides its rows; null: none was made. */
  facts = $state.raw<Omit<Found, "studies" | "series" | "log"> | null>(null);
  error = $state.raw<unknown>(null);
  allStudies = $state.raw<Study[]>([]);
  allSeries = $state.raw<Series[]>([]);
  log = $state.raw<string[]>([]);
  /** Whether series were asked for. */
  withSeries = $state(true);
  checked = $state.raw<ReadonlySet<string>>(NONE);
  picked = $state.raw<ReadonlySet<string>>(NONE);
  focus = $state("");
  #round = 0;

  readonly running = $derived(this.facts?.state === "running");
  readonly series = $derived(
    this.hideHere ? this.allSeries.filter((one) => !isHere(one)) : this.allSeries,
  );
  readonly studies = $derived.by(() => {
    if (!this.hideHere || !this.withSeries) return this.allStudies;
    const left = new Set(this.series.map((one) => one.study_uid));
    return this.allStudies.filter((one) => left.has(one.study_uid));
  });
  readonly kinds = $derived(kindsOf(this.series, this.aggregated));
  readonly counts = $derived(countsOf(this.series, this.picked));
  readonly shared = $derived(sharedIds(this.allStudies));
  readonly wished: Wished[] = $derived(
    wishedOf(this.studies, this.series, this.checked, this.picked, !this.withSeries),
  );

  /** The page opens on this archive the next time. */
  keepNode(): void {
    remember("archives", { ...prefs.archives, [this.project]: this.node });
  }

  async run(): Promise<void> {
    this.keepNode();
    const round = this.#begin();
    const query = $state.snapshot(this.query);
    this.withSeries = query.series;
    try {
      const body = { node: this.node, query, names: this.named, ...searchWays(this.ways) };
      this.#take(await api.post<Found>(inProject("pacs", "searches"), body), round);
      await this.#follow(round);
    } catch (error) {
      this.#failed(error, round);
    }
  }

  async stop(): Promise<void> {
    const key = this.facts?.key;
    if (key) await api.delete(inProject("pacs", "searches", key));
  }

  /** Whether names are asked for: only who may see them gets them. */
  get named(): boolean {
    return this.names && may("deanonym");
  }

  /** Ask for how much is here by now; a search that is not kept any more stays as it is. */
  async refresh(): Promise<void> {
    if (!this.running) await this.again().catch(() => undefined);
  }

  /** Ask again for all rows: names are shown or hidden, or more is here than before. */
  async again(): Promise<void> {
    const key = this.facts?.key;
    if (!key) return;
    this.#round += 1;
    const round = this.#round;
    const found = await api.get<Found>(inProject("pacs", "searches", key), { names: this.named });
    if (round !== this.#round) return;
    this.#empty();
    this.#take(found, round);
    try {
      await this.#follow(round);
    } catch (error) {
      this.#failed(error, round);
    }
  }

  async showNames(names: boolean): Promise<void> {
    this.names = names;
    // Numbers stand for studies and series while names are hidden.
    this.checked = this.picked = NONE;
    this.focus = "";
    if (!(await attempt(() => this.again()))) this.names = !names;
  }

  check(ids: Iterable<string>, on: boolean): void {
    this.checked = changed(this.checked, ids, on);
  }
  pick(ids: Iterable<string>, on: boolean): void {
    this.picked = changed(this.picked, ids, on);
  }

  #begin(): number {
    this.#empty();
    this.facts = null;
    this.error = null;
    this.checked = this.picked = NONE;
    this.focus = "";
    return ++this.#round;
  }
  #empty(): void {
    this.allStudies = [];
    this.allSeries = [];
    this.log = [];
  }
  #take(found: Found, round: number): void {
    if (round !== this.#round) return;
    const { studies, series, log, ...facts } = found;
    if (studies.length) this.allStudies = [...this.allStudies, ...(studies as Study[])];
    if (series.length) this.allSeries = [...this.allSeries, ...(series as Series[])];
    if (log.length) this.log = [...this.log, ...log];
    this.facts = facts;
    this.error = null;
  }
  async #follow(round: number): Promise<void> {
    while (this.running && round === this.#round) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (round !== this.#round) return;
      const known = {
        names: this.named,
        studies_from: this.allStudies.length,
        series_from: this.allSeries.length,
        log_from: this.log.length,
      };
      const where = inProject("pacs", "searches", this.facts!.key);
      this.#take(await api.get<Found>(where, known), round);
    }
  }
  #failed(error: unknown, round: number): void {
    if (round !== this.#round) return;
    this.error = error;
    if (this.facts?.state === "running") this.facts = { ...this.facts, state: "failed" };
  }
}

function changed(
  from: ReadonlySet<string>,
  ids: Iterable<string>,
  on: boolean,
): ReadonlySet<string> {
  const set = new Set(from);
  for (const id of ids)
    if (on) set.add(id);
    else set.delete(id);
  return set;
}

const desks = new Map<string, Desk>();

/** The search of the project in front of the user. */
export function deskOf(project = session.project): Desk {
  const known = desks.get(project);
  if (known) return known;
  const desk = new Desk(project);
  desks.set(project, desk);
  return desk;
}
