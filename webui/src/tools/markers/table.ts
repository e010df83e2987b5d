// Numbers of sets and points as rows of a table, and as text to copy or save.
import type { Numbers } from "./numbers";
import { measure } from "./numbers";
import type { SetData } from "./model";
import { edgesOf, mmOf } from "./model";

export type Cell = string | number | null;
export interface Table {
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
}

/** Reads values of an image at a place of the world. */
export interface Reader {
  name: string;
  unit: string;
  read: (mm: readonly [number, number, number]) => number | readonly number[] | null;
}

const UNITS: Record<string, string> = { mm: "mm", deg: "°", cm2: "cm²", ml: "mL" };
const WORDS: Record<string, string> = {
  mean: "mean",
  std: "standard deviation",
  length: "length",
  segments: "segment",
  angles: "angle",
  shift: "shift",
  circumference: "circumference",
  area: "area",
  size: "edge",
  volume: "volume",
  volumes: "volume",
  d1: "long diameter",
  d2: "short diameter",
  angle: "angle between",
  direction: "direction",
  contacts: "contact",
};
const AXES = ["x", "y", "z"];
const SKIPPED = new Set(["name", "type", "n_points"]);

interface Line {
  what: string;
  value: number;
  unit: string;
}

/** "length_mm" -> what and unit. */
function wordsOf(key: string): { what: string; unit: string } {
  const parts = key.split("_");
  const unit = UNITS[parts.at(-1) ?? ""];
  const stem = unit === undefined ? key : parts.slice(0, -1).join("_");
  return { what: WORDS[stem] ?? stem, unit: unit ?? "" };
}

const isPlace = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length === 3 && value.every((one) => typeof one === "number");

function linesOf(key: string, value: unknown): Line[] {
  const { what, unit } = wordsOf(key);
  if (typeof value === "number") return [{ what, value, unit }];
  if (key === "contacts")
    return (value as number[][]).flatMap((mm, n) => triple(`${what} ${n}`, mm, "mm"));
  if (isPlace(value) && !/^(segments|angles|volumes)_/.test(key)) return triple(what, value, unit);
  if (!Array.isArray(value)) return [];
  return value.flatMap((one: unknown, n): Line[] => {
    if (typeof one === "number") return [{ what: `${what} ${n + 1}`, value: one, unit }];
    return nested(one as Numbers, key === "axes" ? `axis ${n + 1}` : `${n + 1}`);
  });
}

const triple = (what: string, mm: readonly number[], unit: string): Line[] =>
  mm.map((value, axis) => ({ what: `${what} ${AXES[axis]}`, value, unit }));

/** Numbers of one axis, outline or box, under its name. */
function nested(one: Numbers, fallback: string): Line[] {
  const head = typeof one["name"] === "string" ? one["name"] : fallback;
  return Object.entries(one)
    .filter(([key]) => key !== "name")
    .flatMap(([key, value]) => linesOf(key, value))
    .map((line) => ({ ...line, what: `${head}: ${line.what}` }));
}

/** One row for every number of every set. */
export function setTable(sets: readonly SetData[]): Table {
  const rows = sets.flatMap((set) => {
    const numbers = measure(set);
    const lines = Object.entries(numbers)
      .filter(([key]) => !SKIPPED.has(key))
      .flatMap(([key, value]) => linesOf(key, value));
    const head: Line[] = [{ what: "points", value: set.points.length, unit: "" }];
    return [...head, ...lines].map(({ what, value, unit }): Cell[] => [
      set.name,
      set.type,
      what,
      value,
      unit,
    ]);
  });
  return { columns: ["set", "type", "what", "value", "unit"], rows };
}

/** One row for every point: place, size, and the value of every image under it. */
export function pointTable(sets: readonly SetData[], images: readonly Reader[]): Table {
  const columns = ["set", "point", "x mm", "y mm", "z mm", "size mm", "comment"];
  const titles = images.map(({ name, unit }) => (unit ? `${name} (${unit})` : name));
  const rows = sets.flatMap((set) =>
    set.points.map((point): Cell[] => {
      const { size } = point;
      const sizes = size === undefined ? null : typeof size === "number" ? size : edges(point);
      const values = images.map(({ read }) => cellOf(read(mmOf(point))));
      return [set.name, point.name, ...mmOf(point), sizes, point.comment ?? "", ...values];
    }),
  );
  return { columns: [...columns, ...titles], rows };
}

const edges = (point: Parameters<typeof edgesOf>[0]): string =>
  edgesOf(point)
    .map((edge) => Number(edge.toFixed(3)))
    .join(" × ");
const cellOf = (value: number | readonly number[] | null): Cell =>
  typeof value === "number" || value === null ? value : value.join(" ");

/** Numbers as programs read them; no formula of a spreadsheet comes out of a name. */
function plain(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(Number(cell.toFixed(6)));
  return /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
}

export const tsv = ({ columns, rows }: Table): string =>
  [columns, ...rows]
    .map((row) => row.map((c) => plain(c).replace(/[\t\n]+/g, " ")).join("\t"))
    .join("\n");

export function csv({ columns, rows }: Table): string {
  const quoted = (cell: Cell): string => {
    const text = plain(cell);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

/** The one number that says most about a set, for its bar. */
export function summary(set: SetData): string {
  const found = measure(set);
  const mm = (key: string): string | null => {
    const value = found[key];
    return typeof value === "number" ? value.toFixed(1) : null;
  };
  const length = mm("length_mm");
  if (mm("d1_mm")) return `${mm("d1_mm")} × ${mm("d2_mm")} mm`;
  const lines = ["freeline", "ruler", "3druler", "correspondence", "electrode"];
  const complete = set.points.length >= 2 || set.type.endsWith("ruler");
  if (length && complete && lines.includes(set.type)) return `${length} mm`;
  return "";
}
