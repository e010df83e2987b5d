// What the workflow says of a tilt series: its report read, as a row of the table, and done again.
import type { Argument, BatchBody, JobSpec, Tool } from "../core/types-jobs";
import type { FileRow } from "../core/types";

/** All tilts are counted from 0, as in the files; people see them from 1. */
export interface Report {
  engine: string;
  method: string;
  /** While a microscope writes it "recording", then "recorded"; "" of what the workflow made. */
  live: string;
  nTilts: number;
  leftOut: readonly number[];
  /** Of the camera; null where neither header nor person told. */
  pixelNm: number | null;
  axisDeg: number | null;
  /** Of all tilts together, in pixels of the camera. */
  residualPx: number | null;
  residuals: readonly (number | null)[];
  angles: readonly number[];
  shifts: readonly (readonly [number, number])[];
  nBeads: number;
  flagged: readonly { tilt: number; why: string }[];
  messages: readonly string[];
  /** What is wrong with the directive file of the run. */
  directiveProblems: readonly string[];
}

type Json = Record<string, unknown>;
const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const number = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
const word = (value: unknown): string => (typeof value === "string" ? value : "");
const numbers = (value: unknown): number[] => list(value).flatMap((one) => number(one) ?? []);
const words = (value: unknown): string[] => list(value).map(word).filter(Boolean);

/** A report of the workflow; null for files of that name that are something else. */
export function readReport(value: unknown): Report | null {
  if (!isJson(value)) return null;
  const nTilts = number(value.n_tilts);
  if (nTilts === null || typeof value.engine !== "string") return null;
  const flagged = isJson(value.flagged) ? value.flagged : {};
  return {
    engine: value.engine,
    method: word(value.method),
    live: word(value.state),
    nTilts,
    leftOut: numbers(value.left_out),
    pixelNm: number(value.pixel_nm) || null,
    axisDeg: number(value.axis_deg),
    residualPx: number(value.residual_px),
    residuals: list(value.residuals_px).map(number),
    angles: numbers(value.angles_deg),
    shifts: list(value.shifts_px).flatMap((one): [number, number][] => {
      const [x, y] = numbers(one);
      return x === undefined || y === undefined ? [] : [[x, y]];
    }),
    nBeads: list(value.beads).length,
    flagged: Object.entries(flagged).map(([tilt, why]) => ({ tilt: Number(tilt), why: word(why) })),
    messages: words(value.messages),
    directiveProblems: words(value.directive_problems),
  };
}

/** What of the records of steps matters here. */
export interface Course {
  stacks: readonly string[];
  /** Where it stopped; "" where it did not. */
  failedAt: string;
  error: string;
  /** What is wrong with its directive file. */
  problems: readonly string[];
}

export function readCourse(value: unknown): Course {
  const steps = list(value).filter(isJson);
  const check = steps.find((one) => one.step === "check");
  const stacks = isJson(check?.facts) ? list(check.facts.stacks).filter(isJson) : [];
  const failed = steps.find((one) => one.state === "failed");
  const directives = steps.find((one) => one.step === "directives");
  return {
    stacks: stacks.map((one) => word(one.name)).filter(Boolean),
    failedAt: word(failed?.step),
    error: word(failed?.error),
    problems: isJson(directives?.facts) ? words(directives.facts.problems) : [],
  };
}

/** The pattern that finds the results of all series, good and bad. */
export const RESULTS = "*/report.json *.failed/steps.json";
const FAILED = ".failed";

export interface Place {
  name: string;
  /** Where the results of all series of a run lie, within the study. */
  folder: string;
  /** Where those of this series lie, with its slash. */
  own: string;
  failed: boolean;
}

/** Where a result lies, by the path of its file; null when it cannot be one. */
export function placeOf(path: string): Place | null {
  const parts = path.split("/");
  const [last, home] = [parts.at(-1), parts.at(-2)];
  if (!home) return null;
  const failed = home.endsWith(FAILED) && last === "steps.json";
  if (!failed && last !== "report.json") return null;
  const name = failed ? home.slice(0, -FAILED.length) : home;
  const folder = parts.slice(0, -2).join("/");
  return { name, folder, own: parts.slice(0, -1).join("/") + "/", failed };
}

export interface SeriesRow {
  file: FileRow;
  place: Place;
  report: Report | null;
  error: string;
}

/** A file that was found, with what it holds; null where it is of something else. */
export function rowOf(file: FileRow, content: unknown): SeriesRow | null {
  const place = placeOf(file.path);
  if (!place) return null;
  if (place.failed) {
    const course = readCourse(content);
    return course.failedAt ? { file, place, report: null, error: course.error } : null;
  }
  const report = readReport(content);
  return report && { file, place, report, error: "" };
}

export const usedOf = (report: Report): number => report.nTilts - new Set(report.leftOut).size;

export function median(values: readonly (number | null)[]): number | null {
  const sorted = values.filter((one) => one !== null).sort((a, b) => a - b);
  const at = sorted.length >> 1;
  if (sorted.length % 2) return sorted[at] ?? null;
  const [low, high] = [sorted[at - 1], sorted[at]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

/** Of the tilts; where none is told, as IMOD does not, that of the whole series. */
export const medianPx = (report: Report): number | null =>
  median(report.residuals) ?? report.residualPx;

export const inNm = (px: number | null, report: Report): number | null =>
  px === null || report.pixelNm === null ? null : px * report.pixelNm;

export const COLUMNS = [
  "name",
  "study",
  "state",
  "tilts",
  "points",
  "residual",
  "axis",
  "when",
] as const;
export type Column = (typeof COLUMNS)[number];

const KEYS: Record<Column, (row: SeriesRow) => string | number | null> = {
  name: (row) => row.place.name,
  study: (row) => row.file.psid,
  state: (row) => (row.place.failed ? 1 : 0),
  tilts: (row) => row.report && usedOf(row.report),
  points: (row) => row.report && row.report.nBeads,
  residual: (row) => row.report && medianPx(row.report),
  axis: (row) => row.report && row.report.axisDeg,
  when: (row) => row.file.mtime,
};

/** Rows in the order of a column; what has no value comes last either way. */
export function sorted(
  rows: readonly SeriesRow[],
  column: Column,
  down: boolean,
): readonly SeriesRow[] {
  const key = KEYS[column];
  const order = new Intl.Collator(undefined, { numeric: true });
  return [...rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    const by =
      typeof a === "number" && typeof b === "number" ? a - b : order.compare(`${a}`, `${b}`);
    return down ? -by : by;
  });
}

/** Tilts as the directive file lists them: 0, 2, 3, 4 are "1,3-5". */
export function skipText(tilts: Iterable<number>): string {
  const runs: [number, number][] = [];
  for (const tilt of [...new Set(tilts)].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run?.[1] === tilt - 1) run[1] = tilt;
    else runs.push([tilt, tilt]);
  }
  return runs.map(([a, b]) => (a === b ? `${a + 1}` : `${a + 1}-${b + 1}`)).join(",");
}

/** Why tilts stand out, by their number. */
export const flaggedOf = (report: Report): ReadonlyMap<number, string> =>
  new Map(report.flagged.map((one) => [one.tilt, one.why]));

/** Where an arrow key leads in a grid of `n` things in rows of `columns`; null: it is none. */
export function moved(key: string, at: number, n: number, columns: number): number | null {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (by !== undefined) return at + by < 0 || at + by >= n ? at : at + by;
  return { Home: 0, End: n - 1 }[key] ?? null;
}

export const AGAIN = "tomography.reconstruct_again";
/** A tomogram needs so many tilts at the least. */
export const FEWEST = 3;

/**
 * The batch that reconstructs one series without some tilts, with the alignment that it has.
 *
 * `directives` is a whole directive file; "" leaves it at the one that the tomogram has.
 */
export function againBatch(
  project: string,
  tool: Tool,
  row: SeriesRow,
  stack: string,
  without: Iterable<number>,
  directives = "",
): BatchBody {
  const given: Record<string, string> = {
    series: `"${stack.replaceAll('"', '""')}"`,
    output: row.place.folder,
    skip: skipText(without),
    directives,
  };
  const args = tool.args.map((arg): Argument => {
    const value = given[arg.id] ?? arg.value ?? null;
    return { ...arg, value: arg.kind === "NUMERIC" && value === "" ? null : value };
  });
  const job: JobSpec = { name: `${tool.name}: ${row.place.name}`, tool: tool.id, args };
  return {
    project,
    name: job.name,
    level: "study",
    mode: "serial",
    group: "none",
    n_groups: 1,
    immediate: false,
    skip_done: false,
    priority: 0,
    on_error: "stop",
    queue: "",
    choices: [],
    jobs: [job],
    targets: [row.file.psid],
    dry_run: false,
  };
}

/** A point of a plot over the tilt angle. */
export interface TiltPoint {
  x: number;
  y: number;
  group: string | null;
  label: string;
}
interface Names {
  tilt: string;
  used: string;
  flagged: string;
  along: string;
  across: string;
}
const labelOf = (names: Names, tilt: number): string => names.tilt.replace("{n}", `${tilt + 1}`);

/** Residual over angle; flagged tilts, if any is drawn, are a group of their own. */
export function residualPoints(report: Report, names: Names): TiltPoint[] {
  const flagged = new Set(report.flagged.map((one) => one.tilt));
  const groups = report.residuals.some((y, tilt) => y !== null && flagged.has(tilt));
  return report.residuals.flatMap((y, tilt) => {
    const x = report.angles[tilt];
    if (y === null || x === undefined) return [];
    const group = !groups ? null : flagged.has(tilt) ? names.flagged : names.used;
    return { x, y, group, label: labelOf(names, tilt) };
  });
}

/** Shifts along x and y over the angle, of the tilts that are used. */
export function shiftPoints(report: Report, names: Names): TiltPoint[] {
  const out = new Set(report.leftOut);
  return report.shifts.flatMap(([along, across], tilt) => {
    const x = report.angles[tilt];
    if (x === undefined || out.has(tilt)) return [];
    const label = labelOf(names, tilt);
    return [
      { x, y: along, group: names.along, label },
      { x, y: across, group: names.across, label },
    ];
  });
}
