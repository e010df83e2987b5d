import { describe, expect, it } from "vitest";
import { fromColumns, invert } from "./linalg";
import { MOSAIC, mosaicTiles, positions, tiling, withColumns, withRange } from "./mosaic";
import type { GridLike, View } from "./planes";
import { planeAxes, screenToWorld } from "./planes";
import { IDENTITY3 } from "./linalg";

const affine = fromColumns([2, 0, 0], [0, 2, 0], [0, 0, 3], [-50, -60, -30]);
const grid: GridLike = { affine, inverse: invert(affine)!, shape: [50, 60, 40] };
const axes = planeAxes("axial", true, IDENTITY3);
const view: View = { axes, origin: [0, 0, 0], mmPerPixel: 1, size: { width: 800, height: 200 } };

describe("VIEW-13 mosaic", () => {
  it("starts with eight columns over the middle of the stack", () => {
    expect(MOSAIC).toEqual({ columns: 8, start: 0.2, end: 0.8, border: 0 });
    const tiles = mosaicTiles(view, grid, MOSAIC, 1, null);
    expect(tiles.length).toBe(8);
    expect(tiles[0]!.mm).toBeLessThan(tiles[7]!.mm);
  });

  it("puts every tile on a slice of the image", () => {
    for (const mm of positions(grid, axes.normal, 8, MOSAIC)) {
      const k = (mm + 30) / 3;
      expect(Math.abs(k - Math.round(k))).toBeLessThan(1e-9);
    }
  });

  it("covers the viewport without gaps or overlap", () => {
    const tiles = mosaicTiles(view, grid, withColumns(MOSAIC, 7), 1, null);
    const area = tiles.reduce((sum, { rect }) => sum + rect.width * rect.height, 0);
    expect(area).toBe(800 * 200);
  });

  it("shows the middle of the image in the middle of a tile", () => {
    const [tile] = mosaicTiles(view, grid, MOSAIC, 1, null);
    const { rect } = tile!;
    const mm = screenToWorld(tile!.view, { x: rect.width / 2, y: rect.height / 2 });
    expect(mm[0]).toBeCloseTo(-50 + 2 * 24.5);
    expect(mm[1]).toBeCloseTo(-60 + 2 * 29.5);
    expect(mm[2]).toBeCloseTo(tile!.mm);
  });

  it("takes more rows when there is height for them", () => {
    expect(tiling({ width: 800, height: 200 }, 1, 8).rows).toBe(2);
    expect(tiling({ width: 800, height: 90 }, 1, 8).rows).toBe(1);
  });

  it("keeps its range and columns within bounds", () => {
    expect(withRange(MOSAIC, "start", 5).start).toBeCloseTo(0.78);
    expect(withRange(MOSAIC, "both", 5)).toMatchObject({ start: expect.closeTo(0.4), end: 1 });
    expect(withColumns(MOSAIC, 0.3).columns).toBe(2);
  });
});
