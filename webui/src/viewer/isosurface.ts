// The surface where a small image passes a level (surface nets), smoothed, as bytes of an MZ3 file.
import type { Vec3 } from "./linalg";

/** Points in voxels and triangles, anticlockwise seen from outside. */
export interface Surface {
  points: Float32Array;
  faces: Uint32Array;
}

/** Reads voxels; outside there is nothing, so that every surface is closed. */
function reader(voxels: Uint8Array, [nx, ny, nz]: Vec3) {
  return (i: number, j: number, k: number): number =>
    i < 0 || j < 0 || k < 0 || i >= nx || j >= ny || k >= nz ? 0 : voxels[i + nx * (j + ny * k)]!;
}

const EDGES: readonly (readonly [number, number])[] = [0, 1, 2].flatMap((axis) =>
  Array.from({ length: 8 }, (_, corner) => corner)
    .filter((corner) => !(corner & (1 << axis)))
    .map((corner) => [corner, corner | (1 << axis)] as const),
);

/** Mean of the places where the edges of a cell cross the level; null: none does. */
function crossing(values: Float64Array, level: number): Vec3 | null {
  const sum: [number, number, number] = [0, 0, 0];
  let n = 0;
  for (const [a, b] of EDGES) {
    const [u, v] = [values[a]!, values[b]!];
    if (u >= level === v >= level) continue;
    const t = (level - u) / (v - u);
    for (let axis = 0; axis < 3; axis++) {
      const from = (a >> axis) & 1;
      sum[axis]! += from + t * (((b >> axis) & 1) - from);
    }
    n++;
  }
  return n ? [sum[0] / n, sum[1] / n, sum[2] / n] : null;
}

/** The surface between voxels below a level and those at or above it. */
export function isosurface(voxels: Uint8Array, shape: Vec3, level: number): Surface {
  const at = reader(voxels, shape);
  const [cx, cy, cz] = shape.map((n) => n + 1) as unknown as Vec3;
  const ids = new Int32Array(cx * cy * cz).fill(-1);
  const cell = (i: number, j: number, k: number): number => i + 1 + cx * (j + 1 + cy * (k + 1));
  const points: number[] = [];
  const values = new Float64Array(8);
  for (let k = -1; k < cz - 1; k++)
    for (let j = -1; j < cy - 1; j++)
      for (let i = -1; i < cx - 1; i++) {
        let mask = 0;
        for (let c = 0; c < 8; c++) {
          values[c] = at(i + (c & 1), j + ((c >> 1) & 1), k + (c >> 2));
          if (values[c]! >= level) mask |= 1 << c;
        }
        if (mask === 0 || mask === 255) continue;
        const [x, y, z] = crossing(values, level)!;
        ids[cell(i, j, k)] = points.length / 3;
        points.push(i + x, j + y, k + z);
      }
  return { points: Float32Array.from(points), faces: quads(at, shape, level, ids, cell) };
}

type At = (i: number, j: number, k: number) => number;

/** Two triangles for every pair of neighbouring voxels on different sides. */
function quads(at: At, shape: Vec3, level: number, ids: Int32Array, cell: At): Uint32Array {
  const faces: number[] = [];
  const p: [number, number, number] = [0, 0, 0];
  for (let axis = 0; axis < 3; axis++) {
    const [b, c] = [(axis + 1) % 3, (axis + 2) % 3];
    const around = (db: number, dc: number): number => {
      const q: [number, number, number] = [...p];
      q[b]! -= db;
      q[c]! -= dc;
      return ids[cell(...q)]!;
    };
    const lows = [0, 0, 0];
    lows[axis] = -1;
    for (p[2] = lows[2]!; p[2] < shape[2]; p[2]++)
      for (p[1] = lows[1]!; p[1] < shape[1]; p[1]++)
        for (p[0] = lows[0]!; p[0] < shape[0]; p[0]++) {
          const inside = at(...p) >= level;
          const next: [number, number, number] = [...p];
          next[axis]!++;
          if (inside === at(...next) >= level) continue;
          const ring = [around(0, 0), around(1, 0), around(1, 1), around(0, 1)] as const;
          const [u, v, w, x] = inside ? ring : ([...ring].reverse() as unknown as typeof ring);
          faces.push(u, v, w, u, w, x);
        }
  }
  return Uint32Array.from(faces);
}

/** Move every point towards the mean of its neighbours, some times. */
export function smoothed({ points, faces }: Surface, passes: number): Surface {
  let now = points;
  const n = points.length / 3;
  for (let pass = 0; pass < passes; pass++) {
    const sum = new Float32Array(points.length);
    const count = new Uint16Array(n);
    for (let f = 0; f < faces.length; f += 3)
      for (let e = 0; e < 3; e++) {
        const [a, b] = [faces[f + e]!, faces[f + ((e + 1) % 3)]!];
        for (let axis = 0; axis < 3; axis++) sum[3 * a + axis]! += now[3 * b + axis]!;
        count[a]!++;
      }
    const from = now;
    now = sum.map((v, i) => {
      const of = count[Math.floor(i / 3)]!;
      return of ? (from[i]! + v / of) / 2 : from[i]!;
    });
  }
  return { points: now, faces };
}

/** Bytes of an MZ3 file with the points in millimetres. */
export function mz3(
  { points, faces }: Surface,
  affine: readonly number[],
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(16 + 4 * (faces.length + points.length));
  const view = new DataView(out.buffer);
  view.setUint16(0, 23117, true);
  view.setUint16(2, 3, true);
  view.setUint32(4, faces.length / 3, true);
  view.setUint32(8, points.length / 3, true);
  // A mirroring affine would turn the triangles inside out.
  const turned = determinant(affine) < 0;
  const order = turned ? [0, 2, 1] : [0, 1, 2];
  let at = 16;
  for (let f = 0; f < faces.length; f += 3)
    for (const e of order) {
      view.setUint32(at, faces[f + e]!, true);
      at += 4;
    }
  for (let i = 0; i < points.length; i += 3)
    for (let row = 0; row < 12; row += 4) {
      const [a, b, c, d] = affine.slice(row, row + 4) as [number, number, number, number];
      const mm = a * points[i]! + b * points[i + 1]! + c * points[i + 2]! + d;
      view.setFloat32(at, mm, true);
      at += 4;
    }
  return out;
}

function determinant(m: readonly number[]): number {
  const at = (r: number, c: number): number => m[4 * r + c]!;
  return (
    at(0, 0) * (at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)) -
    at(0, 1) * (at(1, 0) * at(2, 2) - at(1, 2) * at(2, 0)) +
    at(0, 2) * (at(1, 0) * at(2, 1) - at(1, 1) * at(2, 0))
  );
}
