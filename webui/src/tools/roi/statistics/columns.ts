// Columns of the table of ROI statistics, and the same as text for copying and as CSV (ROI-x04).
import { t, type StringKey } from "../../../core/strings";
import type { Schema } from "../../../core/types";

export type Row = Schema["StatisticsRow"];
type Value = string | number | null | undefined;

export interface Column {
  /** Name in CSV, the same as the service's. */
  id: string;
  label: string;
  unit: string;
  numeric: boolean;
  /** Counts: shown without decimals. */
  whole?: boolean;
  /** How many of the unit people read of electron tomography make one of this column. */
  tiny?: { unit: string; per: number };
  value: (row: Row) => Value;
}

const text = (id: string, label: StringKey, value: (row: Row) => Value): Column => ({
  id,
  label: t(label),
  unit: "",
  numeric: false,
  value,
});
const number = (id: string, label: StringKey, value: (row: Row) => Value, unit = ""): Column => ({
  id,
  label: t(label),
  unit,
  numeric: true,
  value,
});

const counted = (id: string, label: StringKey, value: (row: Row) => Value, unit = ""): Column => ({
  ...number(id, label, value, unit),
  whole: true,
});

const NM3 = { unit: "nm³", per: 1e21 };
const NM2_OF_CM2 = { unit: "nm²", per: 1e14 };
const NM2_OF_MM2 = { unit: "nm²", per: 1e12 };

const sized = (column: Column, tiny: Column["tiny"]): Column => ({ ...column, tiny: tiny! });

/** Of what nobody knows the size there is no volume. */
export const isUnsized = ({ length_unit, problem }: Row): boolean =>
  !problem && (length_unit === "pixel" || length_unit === "detector");

export const isTiny = ({ length_unit }: Row): boolean => length_unit === "angstrom";

/** A cell of the table: sizes of tomograms in nm² and nm³, though saved as mL and cm². */
export function cellText(row: Row, { value, whole, tiny }: Column, unitInHead = false): string {
  const found = value(row);
  if (!tiny || !isTiny(row) || typeof found !== "number") return shown(found, whole);
  return shown(found * tiny.per) + (unitInHead ? "" : ` ${tiny.unit}`);
}

/** NORA's columns in NORA's order, then ours. */
export function columnsFor(percentiles: readonly number[], times: boolean): Column[] {
  return [
    text("psid", "roistat_psid", (row) => row.psid),
    text("image", "roistat_image", (row) => row.image),
    counted("frame", "roistat_t", (row) => row.frame, t("roistat_from_0")),
    ...(times ? [number("x", "roistat_x", (row) => row.x)] : []),
    text("roi", "roistat_roi", (row) => row.roi),
    counted("roi_frame", "roistat_t", (row) => row.roi_frame, t("roistat_from_0")),
    text("color", "roistat_color", (row) => row.color),
    number("median", "roistat_median", (row) => row.median),
    number("iqr1", "roistat_iqr1", (row) => row.iqr1),
    number("iqr2", "roistat_iqr2", (row) => row.iqr2),
    number("mean", "roistat_mean", (row) => row.mean),
    number("std", "roistat_std", (row) => row.std),
    sized(
      number("volume_ml", "roistat_volume", (row) => row.volume_ml, "mL"),
      NM3,
    ),
    sized(
      number("area_cm2", "roistat_area", (row) => row.area_cm2, "cm²"),
      NM2_OF_CM2,
    ),
    sized(
      number("area_max_cm2", "roistat_area_max", (row) => row.area_max_cm2, "cm²"),
      NM2_OF_CM2,
    ),
    counted("n_slices", "roistat_slices", (row) => row.n_slices),
    number("minimum", "roistat_min", (row) => row.minimum),
    number("maximum", "roistat_max", (row) => row.maximum),
    ...percentiles.map((p) => ({
      ...number(`p${p}`, "roistat_percentile", (row) => row.percentiles?.[String(p)]),
      label: t("roistat_percentile", { p: String(p) }),
    })),
    counted("n_voxels", "roistat_voxels", (row) => row.n_voxels),
    counted("n_used", "roistat_used", (row) => row.n_used),
    counted("components", "roistat_components", (row) => row.components),
    sized(
      number("surface_mm2", "roistat_surface", (row) => row.surface_mm2, "mm²"),
      NM2_OF_MM2,
    ),
    text("length_unit", "roistat_length", (row) => row.length_unit),
  ];
}

/** A number as people read it: three decimals as NORA, fewer for large ones. */
export function shown(value: Value, whole = false): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (whole) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(2);
  return value.toFixed(size >= 100_000 ? 0 : size >= 10_000 ? 1 : size >= 1000 ? 2 : 3);
}

const plain = (value: Value): string =>
  value === null || value === undefined ? "" : String(value);

const head = ({ label, unit }: Column): string => (unit ? `${label} (${unit})` : label);

/** Rows with tabs between cells, for table programs. */
export function asText(rows: readonly Row[], columns: readonly Column[]): string {
  const clean = (value: Value): string => plain(value).replace(/[\t\r\n]+/g, " ");
  const lines = rows.map((row) => columns.map(({ value }) => clean(value(row))).join("\t"));
  return [columns.map(head).join("\t"), ...lines].join("\n");
}

/** What a table program would calculate is kept as text. */
function cell(value: Value): string {
  const told = plain(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(told) ? `'${told}` : told;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function asCsv(rows: readonly Row[], columns: readonly Column[]): string {
  const lines = rows.map((row) => columns.map(({ value }) => cell(value(row))).join(","));
  return [columns.map(({ id }) => id).join(","), ...lines, ""].join("\r\n");
}

/** "5, 95" as numbers between 0 and 100; null when it is something else. */
export function percentilesOf(typed: string): number[] | null {
  const words = typed.split(/[\s,;]+/).filter(Boolean);
  const found = words.map(Number);
  if (found.length > 20 || found.some((p) => !(p >= 0 && p <= 100))) return null;
  return [...new Set(found)];
}
