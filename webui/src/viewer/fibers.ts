// Streamlines as lines: as many as a device draws at once, coloured by their direction.
import type { Surface } from "./isosurface";
import type { Vec3 } from "./linalg";

export interface Streamlines {
  /** x, y, z of all points, mm. */
  vertices: Float32Array;
  /** First point of each streamline, and the end. */
  offsets: Uint32Array;
}

export interface FiberLines {
  positions: Float32Array;
  /** Red, green and blue of each point: how much it goes left-right, back-front, down-up. */
  colours: Uint8Array;
  /** Points in order; RESTART ends a line. */
  indices: Uint32Array;
  shown: number;
  total: number;
  box: { low: Vec3; high: Vec3 };
}

/** Ends a line of GL's line strips. */
export const RESTART = 0xffffffff;

function boxOf(positions: Float32Array): FiberLines["box"] {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < positions.length; i++) {
    const axis = i % 3;
    const value = positions[i]!;
    if (value < low[axis]!) low[axis] = value;
    if (value > high[axis]!) high[axis] = value;
  }
  return { low: low as unknown as Vec3, high: high as unknown as Vec3 };
}

/** Every how many streamlines one is drawn, so that there are at most so many points. */
export const everyNth = (points: number, most: number): number =>
  Math.max(1, Math.ceil(points / most));

function paint(colours: Uint8Array, at: number, p: Float32Array, a: number, b: number): void {
  const d = [0, 1, 2].map((axis) => Math.abs(p[3 * b + axis]! - p[3 * a + axis]!));
  const length = Math.hypot(...d) || 1;
  for (let axis = 0; axis < 3; axis++) colours[4 * at + axis] = (255 * d[axis]!) / length;
  colours[4 * at + 3] = 255;
}

/** Lines of evenly chosen streamlines; those of one point are none. */
export function fiberLines({ vertices, offsets }: Streamlines, most: number): FiberLines {
  const step = everyNth(vertices.length / 3, most);
  const chosen: [number, number][] = [];
  let n = 0;
  let total = 0;
  for (let i = 0; i + 1 < offsets.length; i++) {
    const [from, to] = [offsets[i]!, offsets[i + 1]!];
    if (to - from < 2) continue;
    if (total++ % step !== 0) continue;
    chosen.push([from, to]);
    n += to - from;
  }
  const positions = new Float32Array(3 * n);
  const colours = new Uint8Array(4 * n);
  const indices = new Uint32Array(n + chosen.length);
  let [at, index] = [0, 0];
  for (const [from, to] of chosen) {
    positions.set(vertices.subarray(3 * from, 3 * to), 3 * at);
    for (let i = from; i < to; i++, at++) {
      paint(colours, at, vertices, Math.max(from, i - 1), Math.min(to - 1, i + 1));
      indices[index++] = at;
    }
    indices[index++] = RESTART;
  }
  return { positions, colours, indices, shown: chosen.length, total, box: boxOf(positions) };
}

/** A surface without any area that reaches as far as the lines: the camera must know it. */
export function proxyOf({ low, high }: FiberLines["box"]): Surface {
  return { points: Float32Array.from([...low, ...high, ...low]), faces: Uint32Array.of(0, 1, 2) };
}
