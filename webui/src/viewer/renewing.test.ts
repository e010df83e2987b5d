import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { niftiBytes } from "./reduce";
import { renew } from "./renewing";
import type { FileRow } from "./types";
import { Viewer } from "./viewer.svelte";

const AFFINE = [2, 0, 0, -10, 0, 2, 0, -20, 0, 0, 2, -30, 0, 0, 0, 1];
/** What the service has: version and grey value of each file. */
let service: Record<number, { version: number; value: number }>;
const row = (id: number): FileRow => ({
  id,
  name: `t${id}.nii`,
  kind: "image",
  version: service[id]!.version,
  volume_url: `/v/${id}/${service[id]!.version}.nii`,
  psid: "S-1#1",
});

let viewer: Viewer;
beforeEach(() => {
  service = { 1: { version: 1, value: 10 }, 2: { version: 1, value: 20 } };
  vi.stubGlobal("fetch", (asked: string | URL | Request) => {
    const url = asked instanceof Request ? asked.url : String(asked);
    const file = /\/files\/(\d+)/.exec(url);
    if (file) return Promise.resolve(Response.json(row(Number(file[1]))));
    const { value } = service[Number(/\/v\/(\d+)/.exec(url)![1])]!;
    const bytes = niftiBytes([10, 12, 14], AFFINE, new Uint8Array(1680).fill(value));
    return Promise.resolve(new Response(bytes));
  });
  viewer = new Viewer();
  viewer.link = true;
  for (const one of viewer.viewports) one.rect = { left: 0, top: 0, width: 200, height: 200 };
});
afterEach(() => vi.unstubAllGlobals());

it("VIEW-x03, VIEW-x05: changed files are read again, with their looks and in their places", async () => {
  await viewer.open(row(1));
  await viewer.open(row(2), "overlay");
  const [base, overlay] = viewer.layers as [(typeof viewer.layers)[0], (typeof viewer.layers)[0]];
  overlay.change({ opacity: 0.3, colormap: "jet", limits: { low: 5, high: 50 } });
  viewer.setCrosshair([0, -8, -14]);
  expect(await renew(viewer)).toBe(0);
  expect(viewer.layers).toEqual([base, overlay]);
  service[2] = { version: 2, value: 77 };
  expect(await renew(viewer)).toBe(1);
  expect(viewer.layers.length).toBe(2);
  const next = viewer.layers.find((layer) => layer.role === "overlay")!;
  expect(next).not.toBe(overlay);
  expect(next.look).toMatchObject({ opacity: 0.3, colormap: "jet", limits: { low: 5, high: 50 } });
  expect(next.volume?.value([5, 6, 7], 0)).toBe(77);
  for (const { layers } of viewer.viewports) expect(layers).toEqual([base, next]);
  expect(viewer.crosshair).toEqual([0, -8, -14]);
});

it("VIEW-x03: automatic limits follow a changed image, chosen ones stay", async () => {
  await viewer.open(row(1));
  service[1] = { version: 2, value: 200 };
  await renew(viewer);
  expect(viewer.layers[0]!.windowed).toBe(false);
  expect(viewer.layers[0]!.volume?.value([0, 0, 0], 0)).toBe(200);
  viewer.layers[0]!.setLimits({ low: 1, high: 2 });
  service[1] = { version: 3, value: 90 };
  await renew(viewer);
  expect(viewer.layers[0]!.limits).toEqual({ low: 1, high: 2 });
});
