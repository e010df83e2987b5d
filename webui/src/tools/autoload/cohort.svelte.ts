// The cases that arrows walk through: what is checked, or every row of the table as it is filtered.
import { api } from "../../core/api";
import { on } from "../../core/events.svelte";
import { inProject, session } from "../../core/session.svelte";
import type { Page, StudyRow, SubjectRow } from "../../core/types";
import { studiesOf } from "../../table/contact";
import { listingOf, toQuery, type Filters } from "../../table/query";
import { selection } from "../../table/selection.svelte";
import { table } from "../../table/table.svelte";
import type { Level } from "./preset";
import { auto } from "./state.svelte";

/** So many cases are walked through; more are a matter of filters. */
export const MOST = 5000;
const PAGE = 1000;

const pidOf = (name: string): string => name.split("#")[0] ?? name;
const unique = (names: readonly string[]): string[] => [...new Set(names)];

/** Filters of the listing that gives the cases. */
function askedOf(filters: Filters, level: Level): Filters {
  const listing = listingOf(filters.level);
  if (listing === "studies") return filters;
  if (listing === "subjects" && level !== "study") return filters;
  return { ...filters, level: "studies", sort: listing === "subjects" ? "pid" : "-date" };
}

async function listed(filters: Filters, level: Level): Promise<{ names: string[]; total: number }> {
  const asked = askedOf(filters, level);
  const rows: (StudyRow | SubjectRow)[] = [];
  let after: string | null = null;
  let total: number;
  do {
    const query = { ...toQuery(asked), after, limit: PAGE };
    const page: Page<StudyRow | SubjectRow> = await api.get(
      inProject(listingOf(asked.level)),
      query,
    );
    rows.push(...page.items);
    after = page.next;
    total = page.total;
  } while (after !== null && rows.length < MOST);
  const names = rows.slice(0, MOST).map((row) => ("psid" in row ? row.psid : row.pid));
  return { names: level === "patient" ? unique(names.map(pidOf)) : names, total };
}

async function chosen(level: Level): Promise<string[]> {
  if (level === "patient") return unique(selection.targets.map(pidOf));
  if (level === "auto" || selection.subjects.size === 0) return selection.targets;
  return (await studiesOf(selection, table.filters)).map((study) => study.psid);
}

class Cohort {
  names: string[] = $state.raw([]);
  total = $state(0);
  /** Only what is checked, not the whole table. */
  fromChecked = $state(false);
  private key = "";

  private asked(): string {
    const checked = selection.targets;
    const what = checked.length > 1 ? checked : { ...table.filters, columns: [] };
    return JSON.stringify([session.project, auto.preset.level, what]);
  }

  /** Read the cases again if the table or the checks mean others now. */
  async ensure(): Promise<readonly string[]> {
    const key = this.asked();
    if (key === this.key) return this.names;
    const { level } = auto.preset;
    const fromChecked = selection.targets.length > 1;
    const found = fromChecked
      ? await chosen(level).then((names) => ({ names, total: names.length }))
      : await listed(table.filters, level);
    if (key !== this.asked()) return this.ensure();
    this.key = key;
    this.fromChecked = fromChecked;
    this.names = found.names;
    this.total = Math.max(found.total, found.names.length);
    return this.names;
  }

  forget(): void {
    this.key = "";
  }

  /** Place of the case in sight, from 0; -1 when it is not among them. */
  get at(): number {
    return auto.current ? this.names.indexOf(auto.current.case) : -1;
  }
}

export const cohort = new Cohort();

/** New studies are walked through, too. */
export const followCohort = (): (() => void) =>
  on(["studies.changed", "resync"], () => cohort.forget());
