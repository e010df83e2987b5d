import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keep, keepOnLeaving, reopen } from "./lastview";
import { niftiBytes } from "./reduce";
import { change } from "./settings.svelte";
import type { FileRow } from "./types";
import { Viewer } from "./viewer.svelte";

const AFFINE = [2, 0, 0, -10, 0, 2, 0, -20, 0, 0, 2, -30, 0, 0, 0, 1];
const row = (version: number): FileRow => ({
  id: 1,
  name: "t1.nii",
  kind: "image",
  version,
  volume_url: "/v/t1.nii",
});
let version = 1;

beforeEach(() => {
  version = 1;
  vi.stubGlobal("fetch", (asked: string | URL | Request) => {
    const url = asked instanceof Request ? asked.url : String(asked);
    if (/\/files\//.test(url)) return Promise.resolve(Response.json(row(version)));
    const bytes = niftiBytes([10, 12, 14], AFFINE, new Uint8Array(1680).fill(9));
    return Promise.resolve(new Response(bytes));
  });
});
afterEach(() => {
  change(new Viewer(), { startup: "empty" });
  localStorage.clear();
  vi.unstubAllGlobals();
});

async function left(startup: "empty" | "last"): Promise<void> {
  const viewer = new Viewer();
  change(viewer, { startup });
  await viewer.open(row(1));
  viewer.layers[0]!.setLimits({ low: 3, high: 7 });
  viewer.setCrosshair([0, -8, -14]);
  const stop = keepOnLeaving(viewer);
  dispatchEvent(new Event("pagehide"));
  stop();
}

it("VIEW-x10 rememberState: what was open is there again, as its files are now", async () => {
  await left("last");
  version = 2;
  const next = new Viewer();
  await reopen(next, "");
  expect(next.layers.map(({ name, row: file }) => [name, file?.version])).toEqual([["t1.nii", 2]]);
  expect(next.layers[0]!.limits).toEqual({ low: 3, high: 7 });
  expect(next.crosshair).toEqual([0, -8, -14]);
});

it("VIEW-x10: not without having been asked, and not where the address says what is shown", async () => {
  await left("empty");
  const next = new Viewer();
  await reopen(next, "");
  expect(next.layers).toEqual([]);
  await left("last");
  await reopen(next, '?project=a&call={"pid":"S-1"}');
  expect(next.layers).toEqual([]);
  keep(new Viewer());
  await reopen(next, "");
  expect(next.layers).toEqual([]);
});
