import { expect, test } from "vitest";
import { scenesOf, slideState } from "./slide";

const group = (labels: string[]) => ({
  multiscales: [
    {
      name: "tissue",
      axes: [
        { name: "t", type: "time" },
        { name: "c", type: "channel" },
        { name: "z", type: "space" },
        { name: "y", type: "space", unit: "micrometer" },
        { name: "x", type: "space", unit: "micrometer" },
      ],
      datasets: [
        {
          path: "0",
          coordinateTransformations: [{ type: "scale", scale: [1, 1, 1, 0.5, 0.5] }],
        },
      ],
    },
  ],
  omero: {
    channels: labels.map((label, at) => ({
      label,
      color: at ? "00FF00" : "FF0000",
      active: at < 6,
      window: { start: 10, end: 90, min: 0, max: 100 },
    })),
  },
});

/** A slide of so many scenes that are alike. */
function parts(labels: string[], nScenes: number) {
  const told: Record<string, unknown> = { ".zattrs": { "bioformats2raw.layout": 3 } };
  for (let at = 0; at < nScenes; at++) {
    told[`${String(at)}/.zattrs`] = group(labels);
    told[`${String(at)}/0/.zarray`] = { shape: [1, labels.length, 1, 600, 800] };
  }
  return <T>(name: string): Promise<T> =>
    name in told ? Promise.resolve(told[name] as T) : Promise.reject(new Error(name));
}

type Layer = Record<string, unknown>;

test("SPA-04 each channel of each scene is a layer with its colour and contrast", async () => {
  const scenes = await scenesOf(parts(["DAPI", "CD8"], 2));
  expect(scenes.map((one) => one.place)).toEqual(["0/", "1/"]);
  const state = slideState(scenes, "http://here/p/4/");
  const layers = state.layers as Layer[];
  expect(layers.map((one) => one.name)).toEqual([
    "tissue DAPI",
    "tissue CD8",
    "tissue DAPI (2)",
    "tissue CD8 (2)",
  ]);
  expect(layers.map((one) => one.visible)).toEqual([true, true, false, false]);
  expect(layers[1]).toMatchObject({
    source: "zarr2://http://here/p/4/0/",
    localPosition: [1],
    shaderControls: { color: "#00FF00", contrast: { range: [10, 90], window: [0, 100] } },
  });
  expect(state.position).toEqual([400, 300, 0.5, 0.5]);
  expect((state.dimensions as Layer).x).toEqual([0.5e-6, "m"]);
});

test("a picture in colours is one layer, and channels after the sixth begin hidden", async () => {
  const [rgb] = [slideState(await scenesOf(parts(["red", "green", "blue"], 1)), "b/")];
  expect((rgb.layers as Layer[]).length).toBe(1);
  const many = slideState(await scenesOf(parts([..."abcdefg"], 1)), "b/").layers as Layer[];
  expect(many.map((one) => one.visible)).toEqual([true, true, true, true, true, true, false]);
});

test("a folder without scenes has none", async () => {
  expect(await scenesOf(parts([], 0))).toEqual([]);
});
