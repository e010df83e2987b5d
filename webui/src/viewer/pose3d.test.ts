import { describe, expect, it } from "vitest";
import { projection3d, type Pose3d } from "./pose3d";

const POSE: Pose3d = { azimuth: 180, elevation: 0, pivot: [5, -3, 10], reach: 100, zoom: 1 };
const of = (pose: Partial<Pose3d> = {}, width = 400, height = 300) =>
  projection3d({ ...POSE, ...pose }, width, height);

describe("projection of a 3D viewport", () => {
  it("puts what the camera turns around into the middle", () => {
    for (const azimuth of [0, 37, 125, 270])
      for (const elevation of [-90, 12, 90]) {
        const { x, y, near } = of({ azimuth, elevation }).place([5, -3, 10]);
        expect([x, y, near].map((v) => Math.round(v * 1e6) / 1e6 + 0)).toEqual([200, 150, 0]);
      }
  });

  it("from the front has the patient's left at the right, the head up, the nose near", () => {
    const { place } = of();
    expect(place([-20, -3, 10]).x).toBeGreaterThan(200);
    expect(place([5, -3, 60]).y).toBeLessThan(150);
    expect(place([5, 60, 10]).near).toBeGreaterThan(0);
  });

  it("from above has the nose up and the patient's right at the right", () => {
    const { place } = of({ azimuth: 0, elevation: 90 });
    expect(place([5, 60, 10]).y).toBeLessThan(150);
    expect(place([60, -3, 10]).x).toBeGreaterThan(200);
    expect(place([5, -3, 60]).near).toBeGreaterThan(0);
  });

  it("keeps lengths: nothing is nearer by perspective, and zoom makes it larger", () => {
    const { place, pxPerMm } = of({ azimuth: 125, elevation: 12 });
    const [a, b] = [place([0, 0, 0]), place([30, -10, 20])];
    const mm = Math.hypot((a.x - b.x) / pxPerMm, (a.y - b.y) / pxPerMm, a.near - b.near);
    expect(mm).toBeCloseTo(Math.hypot(30, 10, 20), 9);
    expect(of({ zoom: 2 }).pxPerMm).toBeCloseTo(2 * of().pxPerMm, 9);
    expect(of({}, 300, 900).pxPerMm).toBeCloseTo(of({}, 900, 300).pxPerMm, 9);
  });
});
