import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gestureOf, notches } from "./gestures";
import { viewerActions } from "./keys";
import { borders, defaultSizes, dragBorder, freeName, gridTemplate } from "./layouts";
import { layoutNamed, LAYOUTS } from "./layouts";
import { niftiBytes } from "./reduce";
import { kindOfName, roleFor } from "./roles";
import type { FileRow } from "./types";
import { Viewer } from "./viewer.svelte";

const AFFINE = [2, 0, 0, -10, 0, 2, 0, -20, 0, 0, 2, -30, 0, 0, 0, 1];
const bytes = (): Uint8Array<ArrayBuffer> =>
  niftiBytes(
    [10, 12, 14],
    AFFINE,
    Uint8Array.from({ length: 1680 }, (_, i) => i % 251),
  );
const row = (name: string, kind = "image"): FileRow => ({
  id: 1,
  name,
  kind,
  volume_url: `/v/${name}`,
  psid: "S-1#1",
});

let viewer: Viewer;
function size(): void {
  for (const viewport of viewer.viewports)
    viewport.rect = { left: 0, top: 0, width: 200, height: 200 };
}
beforeEach(() => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(bytes())));
  viewer = new Viewer();
  viewer.link = true;
  viewer.radiological = true;
  size();
});
afterEach(() => vi.unstubAllGlobals());

describe("opening", () => {
  it("shows the first image in every plane, at its middle voxel", async () => {
    await viewer.open(row("t1.nii"));
    expect(viewer.viewports.every((viewport) => viewport.base?.name === "t1.nii")).toBe(true);
    expect(viewer.state.voxel).toEqual([5, 6, 7]);
    expect(viewer.state.value).toBe(String((5 + 10 * (6 + 12 * 7)) % 251));
    expect(viewer.state.crosshair).toEqual([0, -8, -16]);
  });

  it("puts a mask over the image, and an image in place of the old one", async () => {
    await viewer.open(row("t1.nii"));
    await viewer.open(row("seg.nii", "mask"));
    await viewer.open(row("t2.nii"), "overlay");
    expect(viewer.viewports[0]!.layers.map((l) => [l.name, l.role])).toEqual([
      ["t1.nii", "background"],
      ["t2.nii", "overlay"],
      ["seg.nii", "labels"],
    ]);
    await viewer.open(row("flair.nii"));
    expect(viewer.layers.map((l) => l.name)).toEqual(["seg.nii", "t2.nii", "flair.nii"]);
  });

  it("takes an image that is named as a mask for one", async () => {
    await viewer.open(row("t1.nii"));
    await viewer.open(row("brain_labels.nii"));
    expect(viewer.layers.map((l) => l.role)).toEqual(["background", "labels"]);
  });

  it("does not stack the same overlay twice", async () => {
    await viewer.open(row("t1.nii"));
    await viewer.open(row("seg.nii", "mask"));
    viewer.layers[1]!.visible = false;
    await viewer.open(row("seg.nii", "mask"));
    expect(viewer.layers.length).toBe(2);
    expect(viewer.layers[1]!.visible).toBe(true);
  });

  it("fills the next empty viewport when images are compared", async () => {
    viewer.setLayout("1x2");
    await viewer.open(row("a.nii"));
    await viewer.open(row("b.nii"));
    expect(viewer.viewports.map((viewport) => viewport.base?.name)).toEqual(["a.nii", "b.nii"]);
    expect(viewer.active).toBe(1);
  });

  it("keeps a failure in its place and can try again", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("{}", { status: 500 })));
    const layer = await viewer.open(row("t1.nii"));
    expect([layer.status, viewer.layers.length]).toEqual(["failed", 1]);
    vi.stubGlobal("fetch", () => Promise.resolve(new Response(bytes())));
    viewer.retry(layer);
    await vi.waitFor(() => expect(viewer.layers[0]!.status).toBe("ready"));
  });

  it("calls a series by its folder", async () => {
    const first = { ...row("s001.nii"), folder: "t1_mprage_3", path: "t1_mprage_3/s001.nii" };
    expect((await viewer.open(first)).label).toBe("t1_mprage_3");
    expect((await viewer.open({ ...first, name: "s002.nii" })).label).toBe("t1_mprage_3/s002.nii");
    expect((await viewer.open(row("t1.nii"))).label).toBe("t1.nii");
  });

  it("knows roles by kind and by name", () => {
    expect(roleFor("mask", true)).toBe("labels");
    expect(roleFor("mask", false)).toBe("background");
    expect(kindOfName("lh.pial.gii")).toBe("surface");
    expect(kindOfName("cst.tck")).toBe("streamlines");
    expect(kindOfName("sub-01_lesion.nii.gz")).toBe("mask");
    expect(kindOfName("t1.nii")).toBe("image");
  });
});

describe("moving", () => {
  it("steps by slices and stops at the end", async () => {
    await viewer.open(row("t1.nii"));
    const [axial] = viewer.viewports;
    expect(viewer.step(axial!, 1)).toBe(true);
    expect(viewer.state.voxel).toEqual([5, 6, 8]);
    viewer.step(axial!, 100);
    expect(viewer.step(axial!, 1)).toBe(false);
    expect(viewer.slice(axial!)).toMatchObject({ index: 13, count: 14, aligned: true });
  });

  it("zooms all planes about the crosshair, which stays in its place", async () => {
    await viewer.open(row("t1.nii"));
    const [axial, coronal] = viewer.viewports;
    const mm = viewer.crosshair;
    viewer.zoom(axial!, mm, 2);
    expect([axial!.zoom, coronal!.zoom]).toEqual([2, 2]);
    viewer.reset();
    expect([axial!.zoom, axial!.centre]).toEqual([1, null]);
  });

  it("keeps the crosshair of unlinked viewports apart", async () => {
    viewer.setLayout("1x2");
    viewer.link = false;
    await viewer.open(row("a.nii"));
    await viewer.open(row("b.nii"));
    viewer.setCrosshair([2, -6, -14], viewer.viewports[1]);
    expect(viewer.crosshairOf(viewer.viewports[0]!)).toEqual([0, -8, -16]);
    expect(viewer.crosshairOf(viewer.viewports[1]!)).toEqual([2, -6, -14]);
  });
});

describe("gestures and keys", () => {
  it("VIEW-16, VIEW-17, VIEW-18, VIEW-19: follow NORA's buttons", () => {
    const press = (button: number, keys: object = {}) =>
      gestureOf({ button, ctrlKey: false, metaKey: false, shiftKey: false, ...keys });
    expect(press(0)).toBe("crosshair");
    expect(press(1)).toBe("window");
    expect(press(2)).toBe("pan");
    expect(press(0, { ctrlKey: true })).toBe("turn");
    expect(press(0, { shiftKey: true })).toBe("pan");
  });

  it("VIEW-14, VIEW-15: count wheel notches in any unit", () => {
    expect(notches({ deltaX: 0, deltaY: -100, deltaMode: 0 })).toBe(1);
    expect(notches({ deltaX: 0, deltaY: 3, deltaMode: 1 })).toBe(-1);
  });

  it("VIEW-20, VIEW-23: set windows, speed and view by key", async () => {
    await viewer.open(row("ct.nii"));
    const press = (key: string): void =>
      viewerActions(viewer)
        .find((action) => action.keys?.includes(key))!
        .run();
    press("3");
    expect(viewer.layers[0]!.limits).toEqual({ low: -500, high: 1500 });
    press("1");
    expect(viewer.layers[0]!.limits.low).toBeGreaterThan(0);
    press("0");
    expect(viewer.layers[0]!.limits.low).toBe(0);
    press("y");
    press("y");
    press("x");
    expect(viewer.scrollSpeed).toBe(2);
  });

  it("binds no key twice", () => {
    const keys = viewerActions(viewer).flatMap((action) => action.keys ?? []);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("layouts and state", () => {
  it.each(LAYOUTS)("$name has a place for each of its views", (layout) => {
    const { areas } = gridTemplate(layout, defaultSizes(layout));
    expect(new Set(areas.match(/[a-z]/g)).size).toBe(layout.places.length);
    const lines = areas.match(/"[^"]*"/g)!.map((line) => line.split(" ").length);
    expect(new Set(lines).size).toBe(1);
  });

  it("VIEW-12, VIEW-x06: any grid up to 3 x 4, three bars and a left place are a layout", () => {
    for (let rows = 0; rows <= 3; rows++)
      for (let columns = 1; columns <= 4; columns++)
        for (let bars = 0; bars <= 3; bars++)
          for (const left of [false, true]) {
            if (rows === 0 && bars === 0 && !left) continue;
            const layout = layoutNamed(freeName({ rows, columns, bars, left }));
            expect(layout.places.length).toBe(rows * columns + bars + Number(left));
            expect(layout.places.filter((place) => place.mosaic).length).toBe(bars);
          }
    expect(layoutNamed("free-9x9").name).toBe("2x2");
  });

  it("borders are dragged without losing any place", () => {
    const layout = layoutNamed("free-2x3+1+l");
    let sizes = defaultSizes(layout);
    for (const border of borders(layout, sizes)) sizes = dragBorder(sizes, border, 0.99);
    const sum = (shares: readonly number[]): number => shares.reduce((a, b) => a + b, 0);
    expect(sum(sizes.columns)).toBeCloseTo(1);
    expect(sum(sizes.rows)).toBeCloseTo(1);
    expect(Math.min(...sizes.columns, ...sizes.rows, sizes.bars, 1 - sizes.left)).toBeGreaterThan(
      0.05,
    );
  });

  it("keep the images of places that stay and move the others to free ones", async () => {
    viewer.setLayout("free-2x2");
    for (const name of ["a.nii", "b.nii", "c.nii", "d.nii"]) await viewer.open(row(name));
    const shown = () => viewer.viewports.map((viewport) => viewport.base?.name ?? "");
    viewer.setLayout("free-2x3+1");
    expect(shown()).toEqual(["a.nii", "b.nii", "", "c.nii", "d.nii", "", ""]);
    viewer.setLayout("free-1x4");
    expect(shown().sort()).toEqual(["a.nii", "b.nii", "c.nii", "d.nii"]);
  });

  it("VIEW-03: each image goes to the next free viewport, one object wherever it is shown", async () => {
    viewer.setLayout("free-1x3");
    await viewer.open(row("a.nii"));
    await viewer.open(row("b.nii"));
    await viewer.open(row("a.nii"));
    expect(viewer.viewports.map((viewport) => viewport.base?.name)).toEqual([
      "a.nii",
      "b.nii",
      "a.nii",
    ]);
    expect(viewer.viewports[2]!.base).toBe(viewer.viewports[0]!.base);
    expect(viewer.layers.length).toBe(2);
  });

  it("shows an image in three planes and exchanges two viewports", async () => {
    viewer.setLayout("free-2x2");
    await viewer.openPlanes(row("a.nii"), 0);
    expect(viewer.viewports.map((v) => [v.kind, v.layers.length])).toEqual([
      ["coronal", 1],
      ["sagittal", 1],
      ["axial", 1],
      ["axial", 0],
    ]);
    viewer.swap(viewer.viewports[0]!, viewer.viewports[3]!);
    expect(viewer.viewports.map((v) => v.layers.length)).toEqual([0, 1, 1, 1]);
  });

  it("VIEW-08, VIEW-09: a look is shared by all viewports unless Shift keeps it to one", async () => {
    viewer.setLayout("free-1x2");
    await viewer.open(row("a.nii"));
    await viewer.open(row("a.nii"));
    const [left, right] = viewer.viewports;
    const layer = left!.base!;
    viewer.setLook(layer, { colormap: "hot" });
    viewer.setLook(layer, { opacity: 0.3 }, right);
    expect([left!.look(layer).colormap, right!.look(layer).colormap]).toEqual(["hot", "hot"]);
    expect([left!.look(layer).opacity, right!.look(layer).opacity]).toEqual([1, 0.3]);
    viewer.setLook(layer, { opacity: 0.6 });
    expect([left!.look(layer).opacity, right!.look(layer).opacity]).toEqual([0.6, 0.6]);
  });

  it("a viewport may leave the others and come back", async () => {
    viewer.setLayout("free-1x2");
    size();
    await viewer.open(row("a.nii"));
    await viewer.open(row("b.nii"));
    const [left, right] = viewer.viewports;
    right!.linked = false;
    viewer.setCrosshair([2, -6, -14], right);
    viewer.zoom(right!, [2, -6, -14], 2);
    expect(viewer.crosshairOf(left!)).toEqual([0, -8, -16]);
    expect([left!.zoom, right!.zoom]).toEqual([1, 2]);
    right!.linked = true;
    expect(viewer.crosshairOf(right!)).toEqual([0, -8, -16]);
  });

  it("VIEW-29: one image's voxels, or the world's, may be the grid of everything", async () => {
    viewer.setLayout("free-1x2");
    size();
    const layer = await viewer.open(row("a.nii"));
    await viewer.open(row("b.nii"));
    viewer.setGrid(layer);
    expect(viewer.scene(viewer.viewports[1]!)!.grid).toBe(layer.volume);
    viewer.setGrid("world");
    const grid = viewer.scene(viewer.viewports[1]!)!.grid!;
    expect([grid.affine[0], grid.affine[5], grid.affine[10]]).toEqual([1.5, 1.5, 1.5]);
    viewer.setGrid(layer);
    viewer.remove(layer);
    expect(viewer.grid).toBeNull();
  });

  it("come back from JSON as they were", async () => {
    await viewer.open(row("t1.nii"));
    await viewer.open(row("seg.nii", "mask"));
    viewer.setCrosshair([2, -6, -14]);
    viewer.layers[0]!.setLimits({ low: 5, high: 50 });
    viewer.layers[1]!.opacity = 0.25;
    viewer.viewports[1]!.zoom = 3;
    const saved = JSON.parse(JSON.stringify(viewer.serialize()));
    const other = new Viewer();
    await other.restore(saved);
    expect(JSON.parse(JSON.stringify(other.serialize()))).toEqual(saved);
    expect(other.crosshair).toEqual([2, -6, -14]);
    expect(other.layers[0]!.limits).toEqual({ low: 5, high: 50 });
  });

  it("refuse what a newer version saved", async () => {
    const saved = { ...viewer.serialize(), version: 2 } as never;
    await expect(viewer.restore(saved)).rejects.toThrow(/newer/);
  });
});
