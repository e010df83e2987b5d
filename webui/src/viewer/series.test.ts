// @vitest-environment node
import { afterEach, describe, expect, it, vi } from "vitest";
import { meanSeries, seriesAt } from "./curves";
import { loadFile, loadUrl } from "./load";
import { IDENTITY } from "./linalg";
import { reading } from "./nifti";
import { niftiBytes } from "./reduce";
import { cutSlab, thinSamples } from "./sample";
import { SeriesVolume } from "./series";

const [N, FRAMES] = [4, 10];
const VOXELS = N ** 3;

/** A series in which a voxel holds its number plus 10 for each time point. */
function file(): Uint8Array<ArrayBuffer> {
  const values = Uint8Array.from({ length: VOXELS * FRAMES }, (_, at) => {
    const t = Math.floor(at / VOXELS);
    return (at % VOXELS) + 10 * t;
  });
  const bytes = niftiBytes([N, N, N], IDENTITY, values);
  const view = new DataView(bytes.buffer);
  view.setInt16(40, 4, true);
  view.setInt16(48, FRAMES, true);
  return bytes;
}

const changed = { now: false };

/** A service that knows ranges; what was asked of it. */
function serve(bytes: Uint8Array<ArrayBuffer>): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (_url: string, init: RequestInit) => {
    const range = new Headers(init.headers).get("Range");
    asked.push(range ?? "all");
    const known = { "Accept-Ranges": "bytes", ETag: '"1"' };
    if (!range || changed.now) return Promise.resolve(new Response(bytes, { headers: known }));
    const [from, to] = range.slice(6).split("-").map(Number) as [number, number];
    return Promise.resolve(new Response(bytes.slice(from, to + 1), { status: 206 }));
  });
  return asked;
}

const usual = { ...reading };
afterEach(() => {
  vi.unstubAllGlobals();
  Object.assign(reading, usual);
  changed.now = false;
});

async function opened(): Promise<{ volume: SeriesVolume; asked: string[] }> {
  const asked = serve(file());
  Object.assign(reading, { streamBytes: 100 });
  const volume = await loadUrl("/v", "bold.nii", {});
  return { volume: volume as SeriesVolume, asked };
}

describe("a long series in time", () => {
  it("is read by time points: the first, then those that are shown", async () => {
    const { volume, asked } = await opened();
    expect(volume.streamed).toBe(true);
    const first = 352;
    expect(asked).toEqual(["all", `bytes=${first}-${first + VOXELS - 1}`]);
    expect(volume.value([1, 2, 3], 0)).toBe(1 + 4 * 2 + 16 * 3);
    expect(volume.value([1, 2, 3], 7)).toBeNull();
    await volume.ensure(7);
    expect(volume.value([1, 2, 3], 7)).toBe(1 + 4 * 2 + 16 * 3 + 70);
    expect(cutSlab(volume, 0, 1, 1, 7).data[0]).toBe(71);
    expect(thinSamples(volume, 7)).toHaveLength(VOXELS);
  });

  it("keeps no more than its share, and always what is shown", async () => {
    serve(file());
    const whole = file();
    const header = (await opened()).volume.header;
    const read = (from: number, length: number) =>
      Promise.resolve(whole.buffer.slice(from, from + length));
    const volume = new SeriesVolume("a", header, read, 3 * VOXELS);
    await volume.ensure(2);
    const nothing = (): void => undefined;
    expect(volume.show("one", 2, nothing, nothing)).toBe(2);
    for (let frame = 0; frame < FRAMES; frame++) await volume.ensure(frame);
    expect(volume.bytes).toBeLessThanOrEqual(3 * VOXELS);
    expect(volume.frameSamples(2)).not.toBeNull();
    expect(volume.frameSamples(FRAMES - 1)).not.toBeNull();
    expect(volume.frameSamples(0)).toBeNull();
  });

  it("shows what was there before until the wished time point has arrived", async () => {
    const { volume } = await opened();
    const nothing = (): void => undefined;
    expect(volume.show("one", 0, nothing, nothing)).toBe(0);
    const arrived = new Promise<void>((done) => {
      expect(volume.show("one", 5, done, nothing)).toBe(0);
    });
    await arrived;
    expect(volume.show("one", 5, nothing, nothing)).toBe(5);
  });

  it("has curves of a voxel without reading whole time points", async () => {
    const { volume, asked } = await opened();
    asked.length = 0;
    const at = [1, 0, 0] as const;
    expect(await volume.curve(at)).toEqual(Array.from({ length: FRAMES }, (_, t) => 1 + 10 * t));
    expect(asked.every((range) => /^bytes=(\d+)-\1$/.test(range))).toBe(true);
    expect(seriesAt(volume, at)[0]).toBe(1);
    expect(meanSeries(volume, [0, 1])[9]).toBeNaN();
  });

  it("says when the file was changed meanwhile", async () => {
    const { volume } = await opened();
    changed.now = true;
    await expect(volume.ensure(3)).rejects.toThrow(/changed meanwhile/);
  });

  it("of this computer is read from the file, never sent", async () => {
    const asked = serve(file());
    Object.assign(reading, { streamBytes: 100 });
    const volume = await loadFile(new File([file()], "bold.nii"));
    expect(volume.streamed).toBe(true);
    await (volume as SeriesVolume).ensure(4);
    expect(volume.value([0, 0, 0], 4)).toBe(40);
    expect(asked).toEqual([]);
  });

  it("is read whole where everything is needed at once", async () => {
    serve(file());
    Object.assign(reading, { streamBytes: 100 });
    expect((await loadUrl("/v", "labels.nii", { whole: true })).streamed).toBe(false);
  });
});
