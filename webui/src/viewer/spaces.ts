// Whether the images of a viewport lie in one world: what to warn of.
import { apply } from "./linalg";
import type { GridLike } from "./planes";
import { corners } from "./planes";

const NAMES = ["unknown", "scanner", "aligned", "Talairach", "MNI"] as const;

/** What is needed of a shown image. */
export interface Placed {
  label: string;
  grid: GridLike;
  space: number;
  warnings: readonly string[];
}

/** Whether two boxes in the world share anything, by the axes of the first. */
export function overlap(a: GridLike, b: GridLike): boolean {
  const points = corners(b).map((p) => apply(a.inverse, p));
  return [0, 1, 2].every((axis) => {
    const along = points.map((p) => p[axis]!);
    return Math.max(...along) > -0.5 && Math.min(...along) < a.shape[axis]! - 0.5;
  });
}

/** Spaces of a person's own scan, and those of a template. */
const template = (space: number): boolean => space === 3 || space === 4;

export function warningsOf(images: readonly Placed[]): string[] {
  const [base, ...rest] = images;
  if (!base) return [];
  const out = images.flatMap(({ warnings, label }) =>
    warnings.map((text) => (images.length > 1 ? `${label}: ${text}` : text)),
  );
  for (const one of rest) {
    if (base.space > 0 && one.space > 0 && template(base.space) !== template(one.space))
      out.push(
        `${base.label} is in ${NAMES[base.space] ?? "another"} space, ${one.label} in ${NAMES[one.space] ?? "another"} space.`,
      );
    if (!overlap(base.grid, one.grid)) out.push(`${one.label} lies outside ${base.label}.`);
  }
  return out;
}
