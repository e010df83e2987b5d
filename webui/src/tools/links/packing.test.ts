import { expect, it } from "vitest";
import type { FileRow, Workstate } from "../../viewer";
import { pack, unpack } from "./packing";

const row = (id: number, path: string): FileRow => ({
  id,
  psid: "A#1",
  path,
  name: path,
  kind: "image",
});
const viewport = { layers: [0, 1, 2], overrides: { 1: { opacity: 0.3 }, 2: { opacity: 0.7 } } };
const state = {
  version: 1,
  layout: "2x2",
  master: 2,
  layers: [
    { file: row(1, "a.nii"), role: "background", look: {} },
    { file: row(2, "b.nii"), role: "overlay", look: {} },
    { file: row(1, "a.nii"), role: "overlay", look: {} },
  ],
  viewports: [viewport],
  local: ["Doe^John.nii"],
} as unknown as Workstate;

it("names each file once, and nothing of this computer (URL-01)", () => {
  const packed = pack(state, "name=x");
  expect(packed.files).toEqual([1, 2]);
  expect(packed.state.layers.map((layer) => layer.file)).toEqual([0, 1, 0]);
  expect(packed.state.table).toBe("name=x");
  expect(JSON.stringify(packed)).not.toContain("Doe");
});

it("gives the state back, with the rows as they are now (URL-01)", () => {
  const packed = pack(state, "");
  const back = unpack(packed.state, [row(11, "a.nii"), row(12, "b.nii")]);
  expect(back.layers.map((layer) => layer.file.id)).toEqual([11, 12, 11]);
  expect(back.viewports[0]!.layers).toEqual([0, 1, 2]);
  expect(back.master).toBe(2);
});

it("leaves out what is not there, and everything else keeps its place", () => {
  const packed = pack(state, "");
  const back = unpack(packed.state, [row(11, "a.nii"), null]);
  expect(back.layers.map((layer) => layer.file.id)).toEqual([11, 11]);
  expect(back.viewports[0]!.layers).toEqual([0, 1]);
  expect(back.viewports[0]!.overrides).toEqual({ 1: { opacity: 0.7 } });
  expect(back.master).toBe(1);
  expect(unpack(packed.state, [null, row(12, "b.nii")]).master).toBeNull();
});

it("names the files of tools among its own, so that each is asked for once", () => {
  const markers = { value: { sets: 1 }, files: [2, 7] };
  const packed = pack(state, "", { markers });
  expect(packed.files).toEqual([1, 2, 7]);
  expect(packed.state.parts).toEqual({ markers: { value: { sets: 1 }, files: [1, 2] } });
  expect(unpack(packed.state, [row(11, "a.nii"), null, null])).not.toHaveProperty("parts");
});
