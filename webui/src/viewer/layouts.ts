// Named layouts of the viewport grid: what each place shows and how the grid is divided.
import type { ViewKind } from "./types";

export interface Layout {
  name: string;
  label: string;
  /** CSS grid. */
  columns: string;
  rows: string;
  /** One name per place, as in grid-template-areas. */
  areas: string;
  views: readonly ViewKind[];
  /** All places show the same images; otherwise each place has its own. */
  shared: boolean;
}

const grid = (n: number): string => `repeat(${n}, minmax(0, 1fr))`;

/** Areas a, b, c ... row by row. */
function letters(rows: number, columns: number): string {
  const row = (r: number): string =>
    Array.from({ length: columns }, (_, c) => String.fromCharCode(97 + r * columns + c)).join(" ");
  return Array.from({ length: rows }, (_, r) => `"${row(r)}"`).join(" ");
}

function even(
  name: string,
  label: string,
  [rows, columns]: [number, number],
  views: readonly ViewKind[],
  shared: boolean,
): Layout {
  const areas = letters(rows, columns);
  return { name, label, columns: grid(columns), rows: grid(rows), areas, views, shared };
}

const axials = (n: number): ViewKind[] => Array.from({ length: n }, () => "axial");

export const LAYOUTS: readonly Layout[] = [
  even("2x2", "Three planes and 3D", [2, 2], ["axial", "coronal", "sagittal", "3d"], true),
  {
    name: "1+3",
    label: "One large, three small",
    columns: "minmax(0, 2fr) minmax(0, 1fr)",
    rows: grid(3),
    areas: '"a b" "a c" "a d"',
    views: ["axial", "coronal", "sagittal", "3d"],
    shared: true,
  },
  even("1x3", "Three planes", [1, 3], ["axial", "coronal", "sagittal"], true),
  even("1x1", "One", [1, 1], ["axial"], true),
  even("1x2", "Compare two", [1, 2], axials(2), false),
  even("2x2c", "Compare four", [2, 2], axials(4), false),
  even("2x3c", "Compare six", [2, 3], axials(6), false),
  even("3x4c", "Compare twelve", [3, 4], axials(12), false),
];

export const layoutNamed = (name: string): Layout =>
  LAYOUTS.find((layout) => layout.name === name) ?? LAYOUTS[0]!;

/** Name of place `i` in the grid's areas. */
export const areaName = (i: number): string => String.fromCharCode(97 + i);
