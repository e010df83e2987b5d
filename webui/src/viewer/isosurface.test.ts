// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { Surface } from "./isosurface";
import { isosurface, mz3, smoothed } from "./isosurface";
import type { Vec3 } from "./linalg";
import { clipPlane, readRender, RENDER } from "./render3d";

const N = 24;
const ball = (radius: number): Uint8Array =>
  Uint8Array.from({ length: N ** 3 }, (_, at) => {
    const p = [at % N, Math.floor(at / N) % N, Math.floor(at / N ** 2)];
    const r = Math.hypot(...p.map((x) => x - (N - 1) / 2));
    return Math.max(0, Math.min(255, 128 + 40 * (radius - r)));
  });

/** Volume enclosed by a closed surface whose triangles face outwards. */
function enclosed({ points, faces }: Surface): number {
  const point = (i: number): Vec3 => [points[3 * i]!, points[3 * i + 1]!, points[3 * i + 2]!];
  let six = 0;
  for (let f = 0; f < faces.length; f += 3) {
    const [a, b, c] = [point(faces[f]!), point(faces[f + 1]!), point(faces[f + 2]!)];
    six +=
      a[0] * (b[1] * c[2] - b[2] * c[1]) +
      a[1] * (b[2] * c[0] - b[0] * c[2]) +
      a[2] * (b[0] * c[1] - b[1] * c[0]);
  }
  return six / 6;
}

describe("surfaces of images (VIEW-30)", () => {
  const made = isosurface(ball(8), [N, N, N], 128);

  it("enclose the volume above the level, facing outwards", () => {
    const true8 = (4 / 3) * Math.PI * 8 ** 3;
    expect(enclosed(made) / true8).toBeGreaterThan(0.96);
    expect(enclosed(made) / true8).toBeLessThan(1.03);
  });

  it("are closed: every edge belongs to two triangles that run along it in both directions", () => {
    const edges = new Set<string>();
    for (let f = 0; f < made.faces.length; f += 3)
      for (let e = 0; e < 3; e++)
        edges.add(`${made.faces[f + e]} ${made.faces[f + ((e + 1) % 3)]}`);
    expect(edges.size).toBe(made.faces.length);
    // Looked up in the set: to search a list for each of thousands of edges took seconds.
    const alone = [...edges].filter((edge) => !edges.has(edge.split(" ").reverse().join(" ")));
    expect(alone).toEqual([]);
  });

  it("close also where the image ends", () => {
    const full = isosurface(new Uint8Array(27).fill(255), [3, 3, 3], 128);
    expect(enclosed(full)).toBeGreaterThan(15);
    expect(isosurface(new Uint8Array(27), [3, 3, 3], 128).faces).toHaveLength(0);
  });

  it("keep nearly their volume when they are smoothed", () => {
    const ratio = enclosed(smoothed(made, 3)) / enclosed(made);
    expect(ratio).toBeGreaterThan(0.93);
    expect(ratio).toBeLessThan(1.01);
  });

  it.each([
    ["straight", [2, 0, 0, 10, 0, 2, 0, -20, 0, 0, 2, 30, 0, 0, 0, 1]],
    ["mirrored", [-2, 0, 0, 10, 0, 2, 0, -20, 0, 0, 2, 30, 0, 0, 0, 1]],
  ])("are written in millimetres, still facing outwards: %s", (_name, affine) => {
    const bytes = mz3(made, affine);
    const view = new DataView(bytes.buffer);
    const [nFaces, nPoints] = [view.getUint32(4, true), view.getUint32(8, true)];
    expect([nFaces * 3, nPoints * 3]).toEqual([made.faces.length, made.points.length]);
    const faces = Uint32Array.from({ length: 3 * nFaces }, (_, i) =>
      view.getUint32(16 + 4 * i, true),
    );
    const from = 16 + 12 * nFaces;
    const points = Float32Array.from({ length: 3 * nPoints }, (_, i) =>
      view.getFloat32(from + 4 * i, true),
    );
    expect(enclosed({ points, faces }) / enclosed(made)).toBeCloseTo(8, 1);
  });
});

describe("cuts in 3D", () => {
  it("go from one side through the image", () => {
    expect(clipPlane(RENDER)).toBeNull();
    expect(clipPlane({ ...RENDER, cut: "S", depth: 0.25 })).toEqual([0.25, 0, 90]);
  });

  it("are read back from anything", () => {
    expect(readRender(undefined)).toEqual(RENDER);
    expect(readRender({ as: "x" as never, cut: "Q" as never, depth: 7, level: NaN })).toEqual({
      ...RENDER,
      depth: 1,
    });
  });
});
