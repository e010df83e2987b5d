// Layouts of the viewports: a grid, mosaic bars below, one tall place at the left; sizes by drag.
import type { PlaneName, ViewKind } from "./types";

export type Part = "left" | "grid" | "bar";

export interface Place {
  part: Part;
  kind: ViewKind;
  mosaic: boolean;
  /** Row and column in the grid, number of the bar; what stays when the layout changes. */
  row: number;
  column: number;
}

export interface Layout {
  name: string;
  label: string;
  rows: number;
  columns: number;
  bars: number;
  left: boolean;
  /** In the order of their numbers: left, grid row by row, bars. */
  places: readonly Place[];
  /** All places show the same images; otherwise each place has its own. */
  shared: boolean;
}

/** Shares of the whole width or height; `columns` and `rows` divide the grid among themselves. */
export interface Sizes {
  left: number;
  bars: number;
  columns: readonly number[];
  rows: readonly number[];
}

export const MOST = { rows: 3, columns: 4, bars: 3 } as const;

type Shape = Pick<Layout, "rows" | "columns" | "bars" | "left">;

function placesOf(shape: Shape, kinds: readonly ViewKind[]): Place[] {
  const all: Omit<Place, "kind">[] = [];
  if (shape.left) all.push({ part: "left", mosaic: false, row: 0, column: 0 });
  for (let row = 0; row < shape.rows; row++)
    for (let column = 0; column < shape.columns; column++)
      all.push({ part: "grid", mosaic: false, row, column });
  for (let row = 0; row < shape.bars; row++)
    all.push({ part: "bar", mosaic: true, row, column: 0 });
  return all.map((place, i) => ({ ...place, kind: kinds[i] ?? "axial" }));
}

const make = (
  name: string,
  label: string,
  shape: Shape,
  shared: boolean,
  kinds: readonly ViewKind[] = [],
): Layout => ({ name, label, ...shape, shared, places: placesOf(shape, kinds) });

const shape = (rows: number, columns: number, bars = 0, left = false): Shape => ({
  rows,
  columns,
  bars,
  left,
});
const PLANES: readonly PlaneName[] = ["axial", "coronal", "sagittal"];
const NORA: readonly PlaneName[] = ["coronal", "sagittal", "axial"];

export const LAYOUTS: readonly Layout[] = [
  make("2x2", "Three planes and 3D", shape(2, 2), true, [...PLANES, "3d"]),
  make("1+3", "One large, three small", shape(3, 1, 0, true), true, [...PLANES, "3d"]),
  make("1x3", "Three planes", shape(1, 3), true, PLANES),
  make("1x3m", "Three planes and a mosaic", shape(1, 3, 1), true, PLANES),
  make("m", "Mosaic", shape(0, 1, 1), true),
  make("1x1", "One", shape(1, 1), true),
  make("1x2", "Compare two", shape(1, 2), false),
  make("2x2c", "Compare four", shape(2, 2), false),
  make("2x3c", "Compare six", shape(2, 3), false),
  make("3x4c", "Compare twelve", shape(3, 4), false),
];

/** Name of a free layout: its numbers. */
export const freeName = ({ rows, columns, bars, left }: Shape): string =>
  `free-${rows}x${columns}${bars ? `+${bars}` : ""}${left ? "+l" : ""}`;

const within = (n: number, most: number): boolean => n >= 0 && n <= most;

function freeLayout(name: string): Layout | null {
  const found = /^free-(\d)x(\d)(?:\+(\d))?(\+l)?$/.exec(name);
  if (!found) return null;
  const [rows, columns, bars] = [1, 2, 3].map((i) => Number(found[i] ?? 0)) as [
    number,
    number,
    number,
  ];
  if (!within(rows, MOST.rows) || !within(columns, MOST.columns) || !within(bars, MOST.bars))
    return null;
  const wanted = { rows, columns: Math.max(1, columns), bars, left: Boolean(found[4]) };
  if (rows === 0 && bars === 0 && !wanted.left) return null;
  const label = [
    rows ? `${rows} × ${wanted.columns}` : "",
    bars ? `${bars} mosaic` : "",
    wanted.left ? "left" : "",
  ];
  const kinds = wanted.left ? ["axial" as const, ...NORA] : NORA;
  return make(name, label.filter(Boolean).join(" + "), wanted, false, kinds);
}

export const layoutNamed = (name: string): Layout =>
  LAYOUTS.find((layout) => layout.name === name) ?? freeLayout(name) ?? LAYOUTS[0]!;

export function defaultSizes(layout: Layout): Sizes {
  const even = (n: number): number[] => Array.from({ length: n }, () => 1 / Math.max(1, n));
  const left = !layout.left ? 0 : layout.rows === 0 ? 1 : layout.name === "1+3" ? 0.66 : 0.6;
  const bars = layout.bars === 0 ? 0 : layout.rows === 0 && !layout.left ? 1 : 0.3;
  return { left, bars, columns: even(layout.columns), rows: even(layout.rows) };
}

/** Name of place `i` in the grid's areas. */
export const areaName = (i: number): string => String.fromCharCode(97 + i);

const fr = (share: number): string => `minmax(0, ${Math.max(share, 1e-4).toFixed(4)}fr)`;

/** The CSS grid of a layout. */
export function gridTemplate(
  layout: Layout,
  sizes: Sizes,
): { columns: string; rows: string; areas: string } {
  const lines: string[] = [];
  const first = layout.left ? 1 : 0;
  const upper = Math.max(layout.rows, layout.left ? 1 : 0);
  for (let row = 0; row < upper; row++) {
    const cells = Array.from({ length: layout.columns }, (_, column) =>
      layout.rows ? areaName(first + row * layout.columns + column) : areaName(0),
    );
    lines.push(`"${[...(layout.left ? [areaName(0)] : []), ...cells].join(" ")}"`);
  }
  const wide = layout.columns + first;
  for (let bar = 0; bar < layout.bars; bar++) {
    const name = areaName(first + layout.rows * layout.columns + bar);
    lines.push(`"${Array.from({ length: wide }, () => name).join(" ")}"`);
  }
  const columns = [
    ...(layout.left ? [fr(sizes.left)] : []),
    ...sizes.columns.map((share) => fr((1 - sizes.left) * share)),
  ];
  const rows = [
    ...(layout.rows ? sizes.rows : layout.left ? [1] : []).map((share) =>
      fr((1 - sizes.bars) * share),
    ),
    ...Array.from({ length: layout.bars }, () => fr(sizes.bars / layout.bars)),
  ];
  return { columns: columns.join(" "), rows: rows.join(" "), areas: lines.join(" ") };
}

/** A border that can be dragged: where it is, in shares of the whole box. */
export interface Border {
  axis: "x" | "y";
  at: number;
  from: number;
  to: number;
  what: "left" | "bars" | "columns" | "rows";
  index: number;
}

const sums = (shares: readonly number[]): number[] =>
  shares.slice(0, -1).map((_, i) => shares.slice(0, i + 1).reduce((a, b) => a + b, 0));

export function borders(layout: Layout, sizes: Sizes): Border[] {
  const bottom = 1 - sizes.bars;
  const out: Border[] = [];
  if (layout.left && layout.rows)
    out.push({ axis: "x", at: sizes.left, from: 0, to: bottom, what: "left", index: 0 });
  if (layout.bars && (layout.rows || layout.left))
    out.push({ axis: "y", at: bottom, from: 0, to: 1, what: "bars", index: 0 });
  if (!layout.rows) return out;
  sums(sizes.columns).forEach((share, index) => {
    const at = sizes.left + (1 - sizes.left) * share;
    out.push({ axis: "x", at, from: 0, to: bottom, what: "columns", index });
  });
  sums(sizes.rows).forEach((share, index) => {
    out.push({ axis: "y", at: bottom * share, from: sizes.left, to: 1, what: "rows", index });
  });
  return out;
}

const LEAST = 0.08;
const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** Sizes after a border has been dragged to a place. */
export function dragBorder(sizes: Sizes, { what, index }: Border, to: number): Sizes {
  if (what === "left") return { ...sizes, left: clamp(to, LEAST, 1 - LEAST) };
  if (what === "bars") return { ...sizes, bars: clamp(1 - to, LEAST, 1 - LEAST) };
  const offset = what === "columns" ? sizes.left : 0;
  const span = what === "columns" ? 1 - sizes.left : 1 - sizes.bars;
  const shares = [...sizes[what]];
  const before = shares.slice(0, index).reduce((a, b) => a + b, 0);
  const both = shares[index]! + shares[index + 1]!;
  const least = Math.min(LEAST, both / 2);
  shares[index] = clamp((to - offset) / span - before, least, both - least);
  shares[index + 1] = both - shares[index]!;
  return { ...sizes, [what]: shares };
}
