// Small vectors and 4x4 matrices (row-major, column vectors); no GL, no DOM.

export type Vec3 = readonly [number, number, number];
export type Mat3 = readonly [Vec3, Vec3, Vec3];
/** Row-major 4x4, last row 0 0 0 1. */
export type Mat4 = readonly number[];

export const IDENTITY: Mat4 = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
export const IDENTITY3: Mat3 = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

export const add = (a: Vec3, b: Vec3): Vec3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const sub = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a: Vec3, s: number): Vec3 => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const norm = (a: Vec3): number => Math.sqrt(dot(a, a));

export function unit(a: Vec3): Vec3 {
  const length = norm(a);
  return length > 0 ? scale(a, 1 / length) : a;
}

export const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** Apply an affine to a point. */
export function apply(m: Mat4, p: Vec3): Vec3 {
  const [x, y, z] = p;
  return [
    m[0]! * x + m[1]! * y + m[2]! * z + m[3]!,
    m[4]! * x + m[5]! * y + m[6]! * z + m[7]!,
    m[8]! * x + m[9]! * y + m[10]! * z + m[11]!,
  ];
}

/** Apply only the linear part of an affine (a direction, not a place). */
export function applyLinear(m: Mat4, p: Vec3): Vec3 {
  const [x, y, z] = p;
  return [
    m[0]! * x + m[1]! * y + m[2]! * z,
    m[4]! * x + m[5]! * y + m[6]! * z,
    m[8]! * x + m[9]! * y + m[10]! * z,
  ];
}

/** Column c of the linear part: the world step of one voxel along that axis. */
export const column = (m: Mat4, c: number): Vec3 => [m[c]!, m[4 + c]!, m[8 + c]!];
export const translation = (m: Mat4): Vec3 => [m[3]!, m[7]!, m[11]!];

export function fromColumns(x: Vec3, y: Vec3, z: Vec3, t: Vec3): Mat4 {
  return [x[0], y[0], z[0], t[0], x[1], y[1], z[1], t[1], x[2], y[2], z[2], t[2], 0, 0, 0, 1];
}

export const determinant = (m: Mat4): number =>
  dot(column(m, 0), cross(column(m, 1), column(m, 2)));

/** Inverse of an affine; null when it is singular or not finite. */
export function invert(m: Mat4): Mat4 | null {
  const a = column(m, 0);
  const b = column(m, 1);
  const c = column(m, 2);
  const d = determinant(m);
  if (!Number.isFinite(d) || Math.abs(d) < 1e-18) return null;
  const r0 = scale(cross(b, c), 1 / d);
  const r1 = scale(cross(c, a), 1 / d);
  const r2 = scale(cross(a, b), 1 / d);
  const t = translation(m);
  return [...r0, -dot(r0, t), ...r1, -dot(r1, t), ...r2, -dot(r2, t), 0, 0, 0, 1];
}

export function multiply(a: Mat4, b: Mat4): Mat4 {
  const out = new Array<number>(16).fill(0);
  for (let r = 0; r < 4; r++)
    for (let c = 0; c < 4; c++)
      for (let k = 0; k < 4; k++) out[4 * r + c]! += a[4 * r + k]! * b[4 * k + c]!;
  return out;
}

/** Rotate v by a 3x3 matrix given by its columns. */
export function rotate(columns: Mat3, v: Vec3): Vec3 {
  return add(add(scale(columns[0], v[0]), scale(columns[1], v[1])), scale(columns[2], v[2]));
}

export const multiply3 = (a: Mat3, b: Mat3): Mat3 => [
  rotate(a, b[0]),
  rotate(a, b[1]),
  rotate(a, b[2]),
];

/** Rotation by an angle about a unit axis (columns). */
export function axisRotation(axis: Vec3, radians: number): Mat3 {
  const c = Math.cos(radians);
  const s = Math.sin(radians);
  const turn = (v: Vec3): Vec3 =>
    add(add(scale(v, c), scale(cross(axis, v), s)), scale(axis, dot(axis, v) * (1 - c)));
  return [turn(IDENTITY3[0]), turn(IDENTITY3[1]), turn(IDENTITY3[2])];
}

/** The rotation nearest to three independent columns (polar decomposition). */
export function nearestRotation(columns: Mat3): Mat3 {
  let m = columns;
  for (let i = 0; i < 40; i++) {
    const d = dot(m[0], cross(m[1], m[2]));
    if (Math.abs(d) < 1e-12) return IDENTITY3;
    const inverseTransposed: Mat3 = [
      scale(cross(m[1], m[2]), 1 / d),
      scale(cross(m[2], m[0]), 1 / d),
      scale(cross(m[0], m[1]), 1 / d),
    ];
    const next = m.map((c, k) => scale(add(c, inverseTransposed[k]!), 0.5)) as unknown as Mat3;
    const change = norm(sub(next[0], m[0])) + norm(sub(next[1], m[1])) + norm(sub(next[2], m[2]));
    m = next;
    if (change < 1e-12) break;
  }
  return m;
}
