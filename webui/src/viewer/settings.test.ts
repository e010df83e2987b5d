import { describe, expect, it } from "vitest";
import { DEFAULTS, readSettings } from "./settings";

describe("VIEW-26 settings", () => {
  it("VIEW-x10: begin with NORA's defaults", () => {
    expect(readSettings(null)).toEqual(DEFAULTS);
    expect(DEFAULTS).toMatchObject({
      worldVoxelMm: [1.5, 1.5, 1.5],
      maxImageMb: 4000,
      preferQform: false,
      roiOpacity: 0.5,
      outlineRoi: true,
      outlineOverlay: false,
      quality3d: 7,
      background3d: "#111111",
    });
  });

  it("VIEW-x08: keep own windows for the keys 7 and 8, each with a name and a width", () => {
    const own = { windows: [{ name: " liver ", center: 60, width: 0 }, null, { name: "more" }] };
    const { windows } = readSettings(own);
    expect(windows).toEqual([
      { name: "liver", center: 60, width: DEFAULTS.windows[0]!.width },
      DEFAULTS.windows[1],
    ]);
    expect(readSettings({ windows: "x" }).windows).toEqual(DEFAULTS.windows);
  });

  it("survive JSON and refuse what is odd", () => {
    const own = { ...DEFAULTS, fieldMm: 240, keys: "2026" as const };
    expect(readSettings(JSON.parse(JSON.stringify(own)))).toEqual(own);
    const odd = { fieldMm: "x", roiOpacity: 7, worldVoxelMm: [0, 1, 2], keys: "vi", other: 1 };
    expect(readSettings(odd)).toEqual({ ...DEFAULTS, roiOpacity: 1 });
    expect(readSettings({ background3d: "url(x)" }).background3d).toBe("#111111");
  });
});
