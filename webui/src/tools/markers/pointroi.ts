// What an image holds in a ball above a threshold: NORA's point ROI. Nothing here knows of the page.
import type { Vec3 as Triple } from "../../viewer/linalg";
import { apply } from "../../viewer/linalg";
import { eigen } from "./eigen";
import type { Vec3 } from "./vectors";
import { dot, norm, sub } from "./vectors";

/** An image, as far as it is needed here. */
export interface Field {
  shape: Triple;
  /** Voxel to world and back, row by row. */
  affine: readonly number[];
  inverse: readonly number[];
  value: (voxel: Triple) => number | null;
}

export interface PointRoi {
  n: number;
  volume_ml: number;
  diameter_mm: number;
  /** Whole lengths of the axes of the ellipsoid of the same inertia. */
  axes_mm: Vec3;
  surface_mm2: number;
  volume_per_surface_mm: number;
  sphericity: number;
  median: number;
  std: number;
  /** Places of its voxels in the image, first axis fastest. */
  indices: number[];
}

interface Box {
  low: Triple;
  size: Triple;
}

/** Voxels whose middle may be in the ball. */
function boxOf({ shape, inverse }: Field, mm: Vec3, radius: number): Box {
  const middle = apply(inverse as never, mm);
  const reach = [0, 1, 2].map(
    (r) => radius * Math.hypot(...[0, 1, 2].map((c) => at(inverse, r, c))),
  );
  const low = [0, 1, 2].map((a) => Math.max(0, Math.ceil(middle[a]! - reach[a]!)));
  const high = [0, 1, 2].map((a) => Math.min(shape[a]! - 1, Math.floor(middle[a]! + reach[a]!)));
  const size = [0, 1, 2].map((a) => Math.max(0, high[a]! - low[a]! + 1));
  return { low: low as never, size: size as never };
}

const at = (m: readonly number[], r: number, c: number): number => m[4 * r + c]!;

interface Found {
  box: Box;
  mask: Uint8Array;
  places: Vec3[];
  values: number[];
  indices: number[];
}

function inside(field: Field, mm: Vec3, radius: number, threshold: number): Found {
  const box = boxOf(field, mm, radius);
  const [nx, ny, nz] = box.size;
  const found: Found = {
    box,
    mask: new Uint8Array(nx * ny * nz),
    places: [],
    values: [],
    indices: [],
  };
  for (let n = 0; n < found.mask.length; n++) {
    const [i, j, k] = [n % nx, Math.floor(n / nx) % ny, Math.floor(n / (nx * ny))];
    const voxel: Triple = [box.low[0] + i, box.low[1] + j, box.low[2] + k];
    const place = apply(field.affine as never, voxel) as Vec3;
    if (norm(sub(place, mm)) > radius) continue;
    const value = field.value(voxel);
    if (value === null || !(value > threshold)) continue;
    found.mask[n] = 1;
    found.places.push(place);
    found.values.push(value);
    found.indices.push((voxel[2] * field.shape[1] + voxel[1]) * field.shape[0] + voxel[0]);
  }
  return found;
}

/** Directions spread evenly over the half of the sphere. */
function directions(n: number): Vec3[] {
  const golden = Math.PI * (3 - Math.sqrt(5));
  return Array.from({ length: n }, (_, i): Vec3 => {
    const z = 1 - (i + 0.5) / n;
    const r = Math.sqrt(1 - z * z);
    return [r * Math.cos(golden * i), r * Math.sin(golden * i), z];
  });
}
const LOOKS = directions(400);
const SHARES = directions(4000);

/** The largest distance of two middles: of those that are farthest apart in some direction. */
function diameter(places: readonly Vec3[]): number {
  let best = 0;
  for (const look of LOOKS) {
    let [low, high] = [places[0]!, places[0]!];
    let [least, most] = [Infinity, -Infinity];
    for (const place of places) {
      const d = dot(place, look);
      if (d < least) [least, low] = [d, place];
      if (d > most) [most, high] = [d, place];
    }
    best = Math.max(best, norm(sub(high, low)));
  }
  return best;
}

const NEIGHBOURS: Triple[] = [];
for (let z = -1; z <= 1; z++)
  for (let y = -1; y <= 1; y++)
    for (let x = -1; x <= 1; x++)
      if (z > 0 || (z === 0 && (y > 0 || (y === 0 && x > 0)))) NEIGHBOURS.push([x, y, z]);

/** Share of all directions that is nearest to each of some. */
function sharesOf(steps: readonly Vec3[]): number[] {
  const found = steps.map(() => 0);
  const units = steps.map((step) => step.map((v) => v / norm(step)) as unknown as Vec3);
  for (const one of SHARES) {
    let [best, which] = [-1, 0];
    units.forEach((unit, i) => {
      const d = Math.abs(dot(unit, one));
      if (d > best) [best, which] = [d, i];
    });
    found[which]! += 1 / SHARES.length;
  }
  return found;
}

const determinant = (m: readonly number[]): number =>
  at(m, 0, 0) * (at(m, 1, 1) * at(m, 2, 2) - at(m, 1, 2) * at(m, 2, 1)) -
  at(m, 0, 1) * (at(m, 1, 0) * at(m, 2, 2) - at(m, 1, 2) * at(m, 2, 0)) +
  at(m, 0, 2) * (at(m, 1, 0) * at(m, 2, 1) - at(m, 1, 1) * at(m, 2, 0));

/** Crofton's formula over the directions to neighbours, as the service measures ROIs. */
function surface({ box, mask }: Found, affine: readonly number[], voxelMm3: number): number {
  const [nx, ny, nz] = box.size;
  const on = (i: number, j: number, k: number): number =>
    i < 0 || j < 0 || k < 0 || i >= nx || j >= ny || k >= nz ? 0 : mask[(k * ny + j) * nx + i]!;
  const steps = NEIGHBOURS.map(
    (d) =>
      [0, 1, 2].map(
        (r) => at(affine, r, 0) * d[0] + at(affine, r, 1) * d[1] + at(affine, r, 2) * d[2],
      ) as unknown as Vec3,
  );
  const shares = sharesOf(steps);
  return NEIGHBOURS.reduce((sum, [x, y, z], n) => {
    let crossings = 0;
    for (let k = -1; k <= nz; k++)
      for (let j = -1; j <= ny; j++)
        for (let i = -1; i <= nx; i++) if (on(i, j, k) !== on(i + x, j + y, k + z)) crossings++;
    return sum + (2 * voxelMm3 * shares[n]! * crossings) / norm(steps[n]!);
  }, 0);
}

function axes(places: readonly Vec3[]): Vec3 {
  const n = places.length;
  const mean = [0, 1, 2].map((a) => places.reduce((sum, one) => sum + one[a]!, 0) / n);
  const entry = (r: number, c: number): number =>
    places.reduce((sum, one) => sum + (one[r]! - mean[r]!) * (one[c]! - mean[c]!), 0) / n;
  const matrix = [0, 1, 2].map((r) => [0, 1, 2].map((c) => entry(r, c)));
  return eigen(matrix).map(({ value }) => 2 * Math.sqrt(5 * Math.max(0, value))) as unknown as Vec3;
}

function spread(values: readonly number[]): { median: number; std: number } {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const median = (sorted[Math.floor((n - 1) / 2)]! + sorted[Math.ceil((n - 1) / 2)]!) / 2;
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n);
  return { median, std };
}

/** Measure; null where nothing in the ball is above the threshold. */
export function pointRoi(
  field: Field,
  mm: Vec3,
  radius: number,
  threshold: number,
): PointRoi | null {
  const found = inside(field, mm, radius, threshold);
  const n = found.values.length;
  if (!n) return null;
  const voxelMm3 = Math.abs(determinant(field.affine));
  const volume = n * voxelMm3;
  const area = surface(found, field.affine, voxelMm3);
  return {
    n,
    volume_ml: volume / 1000,
    diameter_mm: diameter(found.places),
    axes_mm: axes(found.places),
    surface_mm2: area,
    volume_per_surface_mm: volume / area,
    sphericity: (Math.cbrt(Math.PI) * (6 * volume) ** (2 / 3)) / area,
    ...spread(found.values),
    indices: found.indices,
  };
}
