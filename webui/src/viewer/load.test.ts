// @vitest-environment node
import { afterEach, describe, expect, it, vi } from "vitest";
import { VolumeCache } from "./cache";
import { loadFile, loadUrl } from "./load";
import { IDENTITY } from "./linalg";
import type { NiftiHeader } from "./nifti";
import { niftiBytes } from "./reduce";
import { Volume } from "./volume";

const file = (n: number, k: number): Uint8Array<ArrayBuffer> =>
  niftiBytes(
    [n, n, k],
    IDENTITY,
    Uint8Array.from({ length: n * n * k }, (_, i) => Math.floor(i / (n * n))),
  );

/** A service that knows ranges and sends its files in pieces. */
function serve(bytes: Uint8Array<ArrayBuffer>, ranges = true): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (_url: string, init: RequestInit) => {
    const range = new Headers(init.headers).get("Range");
    asked.push(range ?? "all");
    if (range && ranges) {
      const [from, to] = range.slice(6).split("-").map(Number) as [number, number];
      return Promise.resolve(new Response(bytes.slice(from, to + 1), { status: 206 }));
    }
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.slice(at, (at += 100_000)));
      },
    });
    return Promise.resolve(new Response(body, { status: 200 }));
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

describe("loading from the service", () => {
  it("fetches the middle slice of a large image before the rest", async () => {
    const asked = serve(file(256, 64));
    const seen: { k: number; value: unknown; complete: boolean; last: unknown }[] = [];
    const volume = await loadUrl("/v", "a.nii", {
      onSlice: (v, k) =>
        seen.push({
          k,
          value: v.value([3, 4, k]),
          complete: v.complete,
          last: v.value([0, 0, 63]),
        }),
    });
    expect(seen).toEqual([{ k: 32, value: 32, complete: false, last: null }]);
    expect(asked).toEqual(["all", `bytes=${352 + 32 * 65536}-${352 + 33 * 65536 - 1}`]);
    expect(volume.complete).toBe(true);
    expect(volume.value([255, 255, 63])).toBe(63);
  });

  it("reads what stands between header and samples, in however many pieces it comes", async () => {
    const text = ' {"xdata": [5, 7], "hlim": [2, 9]}'.padEnd(200_000);
    const plain = file(4, 4);
    const bytes = new Uint8Array(plain.length + text.length);
    bytes.set(plain.subarray(0, 352));
    bytes.set(new TextEncoder().encode(text), 352);
    bytes.set(plain.subarray(352), 352 + text.length);
    new DataView(bytes.buffer).setFloat32(108, 352 + text.length, true);
    serve(bytes);
    const volume = await loadUrl("/v", "a.nii");
    expect(volume.value([1, 1, 3])).toBe(3);
    expect(volume.header.nora).toEqual({
      histogram: { low: 2, high: 9 },
      unit: "",
      xdata: [5, 7],
    });
  });

  it("does without when the service knows no ranges, and for small images", async () => {
    serve(file(256, 64), false);
    expect((await loadUrl("/v", "a.nii")).value([0, 0, 5])).toBe(5);
    const asked = serve(file(16, 4));
    await loadUrl("/v", "a.nii");
    expect(asked).toEqual(["all"]);
  });

  it("reports progress up to the whole", async () => {
    serve(file(256, 64));
    const seen: number[] = [];
    await loadUrl("/v", "a.nii", { onProgress: (fraction) => seen.push(fraction) });
    expect(seen.at(-1)).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });

  it("says that a transfer was cut", async () => {
    serve(file(256, 64).slice(0, 500_000));
    await expect(loadUrl("/v", "a.nii")).rejects.toThrow(/ends after 500000 of/);
  });

  it("passes on what the service says", async () => {
    const problem = JSON.stringify({
      title: "Not found",
      detail: "The file is in the trash",
      status: 404,
    });
    vi.stubGlobal("fetch", () => Promise.resolve(new Response(problem, { status: 404 })));
    await expect(loadUrl("/v", "a.nii")).rejects.toThrow("The file is in the trash");
  });
});

describe("local files", () => {
  it("are read without asking the service", async () => {
    const asked = serve(file(4, 4));
    const volume = await loadFile(new File([file(8, 8)], "b.nii"));
    expect(volume.value([1, 1, 6])).toBe(6);
    expect(asked).toEqual([]);
  });
});

describe("the cache", () => {
  const volume = (bytes: number): Volume => {
    const header = { shape: [bytes, 1, 1], frames: 1, channels: 1, affine: IDENTITY };
    return new Volume("x", header as unknown as NiftiHeader, new Uint8Array(bytes));
  };

  it("loads once for several users and forgets the least recently used", async () => {
    const cache = new VolumeCache(100);
    const load = vi.fn(() => Promise.resolve(volume(60)));
    const [a, b] = await Promise.all([cache.acquire("a", load), cache.acquire("a", load)]);
    expect(a).toBe(b);
    expect(load).toHaveBeenCalledTimes(1);
    cache.release("a");
    await cache.acquire("b", load);
    expect(cache.has("a")).toBe(true);
    cache.release("a");
    expect([cache.has("a"), cache.has("b")]).toEqual([false, true]);
  });

  it("stops a transfer only when the last who waits has gone", async () => {
    const cache = new VolumeCache();
    let stopped = false;
    const load = ({ signal }: { signal?: AbortSignal }): Promise<Volume> =>
      new Promise((_resolve, reject) =>
        signal?.addEventListener("abort", () => {
          stopped = true;
          reject(new DOMException("stopped", "AbortError"));
        }),
      );
    const [one, two] = [new AbortController(), new AbortController()];
    const waits = [one, two].map((c) => cache.acquire("a", load, { signal: c.signal }));
    one.abort();
    await expect(waits[0]).rejects.toThrow();
    expect(stopped).toBe(false);
    two.abort();
    await expect(waits[1]).rejects.toThrow();
    expect(stopped).toBe(true);
  });
});
