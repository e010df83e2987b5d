// Eigenvalues and directions of a symmetric 3 x 3 matrix, by Jacobi's rotations.
import type { Vec3 } from "./vectors";

export interface Axis {
  value: number;
  direction: Vec3;
}

const SWEEPS = 60;

/** The largest first. */
export function eigen(matrix: readonly (readonly number[])[]): Axis[] {
  const a = matrix.map((row) => [...row]);
  const v = [0, 1, 2].map((r) => [0, 1, 2].map((c) => Number(r === c)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const [p, q] = largest(a);
    if (Math.abs(a[p]![q]!) < 1e-15 * (Math.abs(a[p]![p]!) + Math.abs(a[q]![q]!) + 1e-300)) break;
    turn(a, v, p, q);
  }
  return [0, 1, 2]
    .map((c): Axis => ({ value: a[c]![c]!, direction: [v[0]![c]!, v[1]![c]!, v[2]![c]!] }))
    .sort((x, y) => y.value - x.value);
}

/** The largest entry beside the diagonal. */
function largest(a: readonly number[][]): [number, number] {
  const pairs: [number, number][] = [
    [0, 1],
    [0, 2],
    [1, 2],
  ];
  return pairs.reduce((best, [p, q]) =>
    Math.abs(a[p]![q]!) > Math.abs(a[best[0]]![best[1]]!) ? [p, q] : best,
  );
}

/** One rotation that makes entry (p, q) zero. */
function turn(a: number[][], v: number[][], p: number, q: number): void {
  const angle = 0.5 * Math.atan2(2 * a[p]![q]!, a[q]![q]! - a[p]![p]!);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  for (const m of [a, v])
    for (const row of m) {
      const [x, y] = [row[p]!, row[q]!];
      row[p] = c * x - s * y;
      row[q] = s * x + c * y;
    }
  const [up, uq] = [[...a[p]!], [...a[q]!]];
  for (let k = 0; k < 3; k++) {
    a[p]![k] = c * up[k]! - s * uq[k]!;
    a[q]![k] = s * up[k]! + c * uq[k]!;
  }
}
