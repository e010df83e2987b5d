// What the flows over stacks of sections and single images say of their results, as rows of a list.
import { short } from "../metadata/plot";
import type { FileRow } from "../core/types";
import { placeOf, type Place, type TiltPoint } from "./series";
import { em as text } from "./strings";

export interface EmReport {
  /** Name of the file or folder that was given. */
  source: string;
  /** Columns and rows, as they were given. */
  size: readonly number[];
  type: string;
  /** Null for single images. */
  nSections: number | null;
  pixelNm: number | null;
  sectionNm: number | null;
  tiltDeg: number;
  binning: number;
  drift: string;
  /** Of each section, in pixels. */
  shifts: readonly (readonly [number, number])[];
  medianShift: number | null;
  flagged: readonly { section: number; why: string }[];
  messages: readonly string[];
}

export interface EmRow {
  file: FileRow;
  place: Place;
  kind: "stack" | "image";
  report: EmReport | null;
  /** Where it stopped and why; "" where it did not. */
  failedAt: string;
  error: string;
}

type Json = Record<string, unknown>;
const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const number = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
const word = (value: unknown): string => (typeof value === "string" ? value : "");
const numbers = (value: unknown): number[] => list(value).flatMap((one) => number(one) ?? []);

const KINDS: Record<string, EmRow["kind"]> = { "em-stack": "stack", "em-image": "image" };

function readReport(value: Json): EmReport {
  const flagged = isJson(value.flagged) ? value.flagged : {};
  return {
    source: word(value.source),
    size: numbers(value.size),
    type: word(value.type),
    nSections: number(value.n_sections),
    pixelNm: number(value.pixel_nm) || null,
    sectionNm: number(value.section_nm) || null,
    tiltDeg: number(value.tilt_deg) ?? 0,
    binning: number(value.binning) ?? 1,
    drift: word(value.drift),
    shifts: list(value.shifts_px).flatMap((one): [number, number][] => {
      const [x, y] = numbers(one);
      return x === undefined || y === undefined ? [] : [[x, y]];
    }),
    medianShift: number(value.median_shift_px),
    flagged: Object.entries(flagged).map(([at, why]) => ({ section: Number(at), why: word(why) })),
    messages: list(value.messages).map(word).filter(Boolean),
  };
}

/** A file that was found, with what it holds; null where it is of something else. */
export function emRowOf(file: FileRow, content: unknown): EmRow | null {
  const place = placeOf(file.path);
  if (!place) return null;
  if (!place.failed) {
    const kind = isJson(content) ? KINDS[word(content.flow)] : undefined;
    if (!kind || !isJson(content)) return null;
    return { file, place, kind, report: readReport(content), failedAt: "", error: "" };
  }
  const failed = list(content).find((one): one is Json => isJson(one) && one.state === "failed");
  const kind = isJson(failed?.facts) ? KINDS[word(failed.facts.flow)] : undefined;
  if (!failed || !kind) return null;
  const [failedAt, error] = [word(failed.step), word(failed.error)];
  return { file, place, kind, report: null, failedAt, error };
}

/** Size in pixels, of a stack with its sections: "2048 × 1536 × 300". */
export function sizeText(report: EmReport): string {
  const sizes = [...report.size, ...(report.nSections === null ? [] : [report.nSections])];
  return sizes.length > 0 ? sizes.join(" × ") : "–";
}

/** Edge of a pixel, of a stack with the distance of its sections. */
export function pixelText(report: EmReport): string {
  if (report.pixelNm === null) return "–";
  const edges = [report.pixelNm, ...(report.sectionNm === null ? [] : [report.sectionNm])];
  return `${edges.map((one) => short(one, 3)).join(" × ")} nm`;
}

/** What lies in the folder of a result, by what it is shown as. */
export function partsOf(row: EmRow): { label: string; page: string; path: string }[] {
  const name = row.place.name;
  if (row.kind === "image")
    return [
      { label: text.keyImage, page: "document", path: `${name}_LG.jpeg` },
      { label: text.pyramid, page: "pyramid", path: `${name}.zarr` },
    ];
  return [
    { label: text.pyramid, page: "pyramid", path: `hedwig/neuro-${name}` },
    { label: text.movie, page: "document", path: `hedwig/keyMov_${name}.mp4` },
    { label: text.keyImage, page: "document", path: `hedwig/keyimg_${name}.jpg` },
  ];
}

/** The volume of a stack, beside its report. */
export const VOLUME = "adjusted.mrc";

/** The picture that a page shows of a result. */
export const pictureOf = (row: EmRow): string =>
  row.kind === "image" ? `${row.place.name}_LG.jpeg` : `hedwig/keyimg_${row.place.name}.jpg`;

/** Shifts along x and y over the number of the section. */
export function sectionPoints(report: EmReport): TiltPoint[] {
  return report.shifts.flatMap(([x, y], at) => {
    const label = text.section.replace("{n}", String(at + 1));
    return [
      { x: at + 1, y: x, group: "x", label },
      { x: at + 1, y, group: "y", label },
    ];
  });
}
