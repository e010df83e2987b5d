import { expect, it } from "vitest";
import { isSlide } from "./menu";

it("photographs are offered of files that scanners write (SPA-04)", () => {
  for (const name of ["a.czi", "A.SVS", "b.ome.tif", "b.OME.TIFF"])
    expect(isSlide(name)).toBe(true);
  for (const name of ["a.tif", "a.czi.zarr", "svs", "a.png"]) expect(isSlide(name)).toBe(false);
});
