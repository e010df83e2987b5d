// What a search found, put together for the two tables. Pure.
import type { Schema } from "../../core/types";

export type Query = Required<Schema["PacsQuery"]>;
export type Study = Required<Schema["PacsStudy"]>;
export type Series = Required<Schema["PacsSeries"]>;
export type Found = Schema["PacsResult"];
export type Node = Schema["PacsNodeRow"];
export type Pull = Schema["PacsPull"];

/** A search that asks for anything, as the form begins. */
export const EMPTY: Query = {
  patient_id: "",
  patient_name: "",
  accession: "",
  study_date: "*",
  days_before: 0,
  days_after: 0,
  study_description: "",
  series_description: "",
  modality: "",
  modalities_in_study: "",
  min_age: 0,
  max_age: 999,
  patients: [],
  without: [],
  series: true,
};

/** One row of the right table: a series, or all series of a kind. */
export interface Kind {
  key: string;
  numbers: string;
  description: string;
  protocol: string;
  modality: string;
  series: Series[];
  inStudies: number;
  nImages: number;
  nHere: number;
}

/** The archive the page opens on: the one that was used last, else one that did not fail last. */
export function openOn(nodes: readonly Pick<Node, "name" | "last">[], used = ""): string {
  const known = nodes.find((one) => one.name === used);
  return (known ?? nodes.find((one) => one.last?.ok !== false) ?? nodes[0])?.name ?? "";
}

/** Two persons may have one PatientID: name and day of birth tell them apart. */
export const personOf = (study: Study): string =>
  [study.patient_id, study.patient_name, study.birth_date].join("\u0000");

/** PatientIDs that more than one person has, with how many. */
export function sharedIds(studies: readonly Study[]): Map<string, number> {
  const persons = new Map<string, Set<string>>();
  for (const one of studies)
    persons.set(
      one.patient_id,
      (persons.get(one.patient_id) ?? new Set<string>()).add(personOf(one)),
    );
  return new Map(
    [...persons]
      .filter(([id, found]) => id !== "" && found.size > 1)
      .map(([id, found]) => [id, found.size]),
  );
}

export const isHere = (one: Series): boolean => one.n_here > 0 && one.n_here >= (one.n_images ?? 0);

const kindKey = (one: Series): string =>
  [one.description, one.protocol, one.modality].join("\u0000");

function kindOf(key: string, series: Series[], inStudies: number): Kind {
  const first = series[0]!;
  const numbers = [...new Set(series.map((one) => one.number ?? 0))].sort((a, b) => a - b);
  return {
    key,
    numbers: [numbers[0], numbers.at(-1)]
      .filter((n, i) => n && (i === 0 || n !== numbers[0]))
      .join("–"),
    description: first.description,
    protocol: first.protocol,
    modality: first.modality,
    series,
    inStudies,
    nImages: series.reduce((sum, one) => sum + (one.n_images ?? 0), 0),
    nHere: series.reduce((sum, one) => sum + one.n_here, 0),
  };
}

/** The rows of the right table, with `inStudies` (PACS-06). */
export function kindsOf(series: readonly Series[], aggregated: boolean): Kind[] {
  const groups = new Map<string, Series[]>();
  for (const one of series) {
    const group = groups.get(kindKey(one));
    if (group) group.push(one);
    else groups.set(kindKey(one), [one]);
  }
  const rows: Kind[] = [];
  for (const [key, group] of groups) {
    const n = new Set(group.map((one) => one.study_uid)).size;
    if (aggregated) rows.push(kindOf(key, group, n));
    else for (const one of group) rows.push(kindOf(one.series_uid, [one], n));
  }
  return rows;
}

/** How many of the checked series each study has (column SS). */
export function countsOf(
  series: readonly Series[],
  picked: ReadonlySet<string>,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of series)
    if (picked.has(one.series_uid)) counts.set(one.study_uid, (counts.get(one.study_uid) ?? 0) + 1);
  return counts;
}

export interface Wished {
  study_uid: string;
  series_uid?: string;
  modality?: string;
  number?: number | null;
  n_images?: number | null;
}

/** What a pull asks for: checked series of checked studies, or whole studies. */
export function wishedOf(
  studies: readonly Study[],
  series: readonly Series[],
  checked: ReadonlySet<string>,
  picked: ReadonlySet<string>,
  whole: boolean,
): Wished[] {
  if (whole)
    return studies
      .filter((one) => checked.has(one.study_uid))
      .map(({ study_uid, n_images }) => ({ study_uid, n_images }));
  return series
    .filter((one) => checked.has(one.study_uid) && picked.has(one.series_uid))
    .map(({ study_uid, series_uid, modality, number, n_images }) => ({
      study_uid,
      series_uid,
      modality,
      number,
      n_images,
    }));
}

const plain = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Sort by a column; "-name" the other way round; "" as it was found. */
export function sorted<T>(
  rows: readonly T[],
  sort: string,
  value: (row: T, column: string) => string | number,
): T[] {
  const column = sort.replace(/^-/, "");
  if (!column) return [...rows];
  const way = sort.startsWith("-") ? -1 : 1;
  const compare = (a: string | number, b: string | number): number =>
    typeof a === "number" && typeof b === "number" ? a - b : plain.compare(String(a), String(b));
  return rows
    .map((row) => ({ row, key: value(row, column) }))
    .sort((a, b) => way * compare(a.key, b.key))
    .map(({ row }) => row);
}

export function studyValue(one: Study, column: string): string | number {
  if (column === "ns") return one.n_series ?? 0;
  if (column === "mo") return one.modalities.join(" ");
  if (column === "description") return one.description;
  if (column === "time") return one.time;
  if (column === "patient_name") return one.patient_name;
  return column === "date" ? one.date + one.time : one.patient_id;
}

export function kindValue(one: Kind, column: string): string | number {
  if (column === "in_studies") return one.inStudies;
  if (column === "nimg") return one.nImages;
  if (column === "sn") return Number.parseInt(one.numbers) || 0;
  if (column === "protocol") return one.protocol;
  return column === "mo" ? one.modality : one.description;
}

/** Whether all words occur in some of the texts. */
export function fits(text: string, ...cells: string[]): boolean {
  const all = cells.join(" ").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

/** "142501" -> "14:25:01" */
export const clock = (text: string): string =>
  text.replace(/^(\d\d)(\d\d)(\d\d)?.*$/, (_, h: string, m: string, s?: string) =>
    [h, m, s].filter(Boolean).join(":"),
  );

/** Lines of a list that say something. */
export const linesOf = (text: string): string[] =>
  text.split(/\r?\n/).filter((line) => line.trim() !== "");

const cell = (value: unknown): string => {
  const text = value === null || value === undefined ? "" : String(value);
  // A spreadsheet would take these for a formula.
  const safe = /^[=+@\t-]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** A row for each series with its study; for studies alone a row each. */
export function csvOf(studies: readonly Study[], series: readonly Series[]): string {
  const head = "PatientID,PatientName,PatientBirthDate,PatientSex,StudyDate,StudyTime,"
    .concat("StudyDescription,ModalitiesInStudy,SeriesNumber,SeriesDescription,ProtocolName,")
    .concat("Modality,inStudies,nimg,here");
  const inStudies = new Map(
    kindsOf(series, false).flatMap((kind) => kind.series.map((one) => [one, kind.inStudies])),
  );
  const of = new Map<string, Series[]>();
  for (const one of series) of.set(one.study_uid, [...(of.get(one.study_uid) ?? []), one]);
  const lines = studies.flatMap((study) => {
    const left = [study.patient_id, study.patient_name, study.birth_date, study.sex, study.date];
    const rest = [study.time, study.description, study.modalities.join(" ")];
    return (of.get(study.study_uid) ?? [null]).map((one) =>
      [
        ...left,
        ...rest,
        ...(one ? [one.number, one.description, one.protocol, one.modality] : ["", "", "", ""]),
        ...(one ? [inStudies.get(one), one.n_images, one.n_here] : ["", study.n_images, ""]),
      ]
        .map(cell)
        .join(","),
    );
  });
  return [head, ...lines, ""].join("\r\n");
}

/** Pulls in numbers: how many have come, how many are open, how many did not work. */
export function tally(pulls: readonly Pull[]): Record<"all" | "done" | "open" | "bad", number> {
  const count = (...states: string[]): number =>
    pulls.filter((one) => states.includes(one.state)).length;
  return {
    all: count("queued", "running", "done", "partial", "failed"),
    done: count("done", "partial"),
    open: count("queued", "running"),
    bad: count("partial", "failed"),
  };
}

/** The next time that a clock shows hours and minutes, or null for no such text. */
export function nextTime(text: string, now: Date): Date | null {
  const match = /^(\d\d?):(\d\d)$/.exec(text.trim());
  if (!match) return null;
  const at = new Date(now);
  at.setHours(Number(match[1]), Number(match[2]), 0, 0);
  if (at <= now) at.setDate(at.getDate() + 1);
  return at;
}
