// Files of markers that lie on this computer, read here: they never leave it.
import { axesFrom, isStraight, orientationOf } from "./boxes";
import type { SetData } from "./model";
import { completed } from "./model";

export interface Parsed {
  sets: SetData[];
  notes: string[];
}

type Json = Record<string, unknown>;

const SUFFIX = /(\.ano\.json|\.mrk\.json|\.fcsv)$/i;
const UNITS_MM: Record<string, number> = { mm: 1, um: 1e-3, cm: 10, m: 1000 };
const SLICER: Record<string, string> = {
  Fiducial: "pointset",
  Line: "freeline",
  Angle: "freeline",
  Curve: "freeline",
  ClosedCurve: "freeline",
  Plane: "pointset",
  ROI: "boxes",
};
const COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID".split(",");
const OLD_COLUMNS = "label,x,y,z,sel,vis".split(",");
const MOST = 200_000;

export const isMarkerFile = (name: string): boolean => SUFFIX.test(name);
export const stemOf = (name: string): string =>
  name.split("/").at(-1)!.replace(SUFFIX, "") || "markers";

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Read a file by its name; throws what a person can act on. */
export function parseMarkers(name: string, content: string): Parsed {
  if (/\.fcsv$/i.test(name)) return fcsv(name, content.replace(/^\uFEFF/, ""));
  let told: unknown;
  try {
    told = JSON.parse(content);
  } catch {
    throw new Error(`${name} is no JSON: it may be damaged`);
  }
  if (isObject(told) && Array.isArray(told["markups"])) return mrk(name, told["markups"] as Json[]);
  return { sets: checked(noraSets(told)), notes: [] };
}

function noraSets(told: unknown): unknown[] {
  let found = isObject(told) ? (told["annotations"] ?? told["content"]) : told;
  if (isObject(found)) found = found["content"];
  if (!Array.isArray(found)) throw new Error("There are no annotations in it");
  return found;
}

const isPlace = (coords: unknown): coords is number[] =>
  Array.isArray(coords) && coords.length >= 3 && coords.slice(0, 3).every(Number.isFinite);

/** Sets from outside: each point has a place, as numbers. */
export function checked(sets: readonly unknown[]): SetData[] {
  let n = 0;
  return sets.map((one, at) => {
    if (!isObject(one) || !Array.isArray(one["points"] ?? []))
      throw new Error(`Annotation ${at + 1} is no set of points`);
    const points = ((one["points"] ?? []) as unknown[]).map((point, p) =>
      checkedPoint(point, `Point ${p + 1} of annotation ${at + 1}`),
    );
    n += points.length;
    if (n > MOST) throw new Error(`These are more than ${MOST} markers`);
    return completed({ ...one, points }, at);
  });
}

function checkedPoint(point: unknown, where: string): Json {
  if (!isObject(point)) throw new Error(`${where} is none`);
  const place = (coords: unknown): number[] => {
    if (!isPlace(coords)) throw new Error(`${where} has no place`);
    return [...coords.slice(0, 3), 1];
  };
  const { coords, subpoints } = point;
  const found: Json = { ...point };
  if (coords !== undefined || subpoints === undefined) found["coords"] = place(coords);
  if (Array.isArray(subpoints)) found["subpoints"] = subpoints.map(place);
  return found;
}

const turned = ([x, y, z]: readonly number[], lps: boolean): number[] => [
  lps ? -x! : x!,
  lps ? -y! : y!,
  z!,
  1,
];

// ---- Slicer ----

/** Cells of a line of CSV. */
function cells(line: string): string[] {
  const found = line.matchAll(/("(?:[^"]|"")*"|[^,]*)(,|$)/g);
  const out: string[] = [];
  for (const [, cell = "", end] of found) {
    out.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (!end) break;
  }
  return out;
}

function fcsv(name: string, content: string): Parsed {
  let lps = false;
  let columns: string[] = [];
  const points: Json[] = [];
  for (const line of content.split(/\r?\n/)) {
    if (line.startsWith("#")) {
      const [, key = "", value = ""] = /^#\s*([^=]*?)\s*=\s*(.*)$/.exec(line) ?? [];
      if (key === "CoordinateSystem") lps = ["1", "LPS"].includes(value.trim().toUpperCase());
      if (key === "columns") columns = value.split(",").map((one) => one.trim());
    } else if (line.trim()) points.push(fiducial(cells(line), columns, lps));
  }
  if (!points.length && !/Markups|Fiducial/.test(content))
    throw new Error(`${name} is no list of fiducials`);
  return { sets: checked([{ name: stemOf(name), type: "pointset", points }]), notes: [] };
}

function fiducial(found: readonly string[], columns: readonly string[], lps: boolean): Json {
  const guess = found.length <= OLD_COLUMNS.length ? OLD_COLUMNS : COLUMNS;
  const names = columns.length ? columns : guess;
  const cell = (key: string): string => found[names.indexOf(key)]?.trim() ?? "";
  const number = (key: string): number => (cell(key) === "" ? NaN : Number(cell(key)));
  const desc = cell("desc");
  return {
    name: cell("label") || cell("id") || "noname",
    coords: turned(["x", "y", "z"].map(number), lps),
    visible: cell("vis") !== "0",
    ...(desc ? { comment: desc } : {}),
  };
}

function mrk(name: string, markups: readonly Json[]): Parsed {
  const notes: string[] = [];
  const stem = stemOf(name);
  const sets = markups.map((one, at) =>
    markup(one, notes, markups.length > 1 ? `${stem}_${at + 1}` : stem),
  );
  return { sets: checked(sets), notes };
}

function unitOf(one: Json, name: string): number {
  const unit = one["coordinateUnits"] ?? "mm";
  const scale = UNITS_MM[String(Array.isArray(unit) ? unit[0] : unit)];
  if (scale === undefined) throw new Error(`${name} is not in millimetres`);
  return scale;
}

function markup(one: Json, notes: string[], name: string): Json {
  const kind = String(one["type"] ?? "Fiducial");
  const lps = ["LPS", "1"].includes(String(one["coordinateSystem"] ?? "LPS").toUpperCase());
  const scale = unitOf(one, name);
  if (!SLICER[kind]) notes.push(`${name}: ${kind} is taken as points`);
  const display = one["display"] as Json | undefined;
  const color = display?.["selectedColor"];
  const extra = Array.isArray(color) ? { color: hex(color as number[]) } : {};
  const made = { name, type: SLICER[kind] ?? "pointset", slicer: kind };
  if (kind === "ROI" && "center" in one)
    return { ...made, points: [{ ...box(one, name, notes, lps, scale), ...extra }] };
  const all = (one["controlPoints"] ?? []) as Json[];
  const defined = all.filter((point) => (point["positionStatus"] ?? "defined") === "defined");
  const left = all.length - defined.length;
  if (left) notes.push(`${name}: ${left} points without a place were left out`);
  const points = defined.map((point) => ({ ...control(point, lps, scale), ...extra }));
  return { ...made, ...(kind === "ClosedCurve" ? { closed: true } : {}), points };
}

const scaled = (value: unknown, scale: number): number[] =>
  (Array.isArray(value) ? value : []).map((v) => scale * Number(v));

function control(point: Json, lps: boolean, scale: number): Json {
  const { description } = point;
  return {
    name: String(point["label"] || point["id"] || "noname"),
    coords: turned(scaled(point["position"], scale), lps),
    visible: point["visibility"] !== false,
    ...(description ? { comment: description } : {}),
  };
}

function box(one: Json, name: string, notes: string[], lps: boolean, scale: number): Json {
  const told = (one["orientation"] ?? [-1, 0, 0, 0, -1, 0, 0, 0, 1]) as number[];
  const turn = lps ? told.map((v, at) => (at < 6 ? -v : v) + 0) : told;
  const axes = axesFrom(turn);
  if (!axes) notes.push(`${name}: how the box is turned cannot be read`);
  const coords = turned(scaled(one["center"], scale), lps);
  const made = { name, coords, size: [...scaled(one["size"], scale), 0] };
  return axes && !isStraight(axes) ? { ...made, orientation: orientationOf(axes) } : made;
}

const hex = (parts: readonly number[]): string =>
  "#" +
  parts
    .slice(0, 3)
    .map((p) =>
      Math.round(255 * Math.min(1, Math.max(0, p)))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("");
