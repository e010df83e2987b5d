// Scheduling of the engine: what is drawn in which frame, and how finely.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Engine } from "./engine";
import type { LayerPainter } from "./painter";
import type { Scene } from "./scene";

const scene = (mm: number, side = 40): Scene => ({
  view: {
    axes: { right: [1, 0, 0], up: [0, 1, 0], normal: [0, 0, 1] },
    origin: [0, 0, mm],
    mmPerPixel: 1,
    size: { width: side, height: side },
  },
  rect: { left: 0, top: 0, width: side, height: side },
  layers: [],
  grid: null,
});

/** An engine whose painter only notes what it is asked for: view, slice and coarseness. */
function watched(software: boolean) {
  const drawn: [string, number, number][] = [];
  const rows: [number, number][] = [];
  const painter = {
    device: { software },
    paint: (
      id: string,
      { view }: Scene,
      rect: number[],
      step: number,
      _report: unknown,
      [low, high] = [0, rect[3]!],
    ) => {
      drawn.push([id, view.origin[2], step]);
      rows.push([low!, high!]);
    },
    upload: () => ({ finished: [], more: false }),
    dispose: () => undefined,
  };
  const engine = new Engine(document.createElement("canvas"), {}, () => {
    return painter as unknown as LayerPainter;
  });
  const take = () => drawn.splice(0);
  return { engine, take, takeRows: () => rows.splice(0) };
}

/** Let frames pass. */
const frames = (n: number): void => {
  for (let i = 0; i < n; i++) vi.advanceTimersToNextFrame();
};

describe("drawing", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is done once in a frame, however much has been asked for (VIEW-08)", () => {
    const { engine, take } = watched(false);
    for (let mm = 0; mm < 50; mm++) engine.show("a", scene(mm));
    engine.show("b", scene(7));
    expect(take()).toEqual([]);
    frames(1);
    expect(take()).toEqual([
      ["a", 49, 1],
      ["b", 7, 1],
    ]);
    frames(5);
    expect(take()).toEqual([]);
  });

  it("leaves out viewports that show the same as before", () => {
    const { engine, take } = watched(false);
    engine.showAll("a", { a: scene(1) });
    engine.showAll("b", { b: scene(1) });
    frames(1);
    take();
    engine.showAll("a", { a: scene(1) });
    engine.showAll("b", { b: scene(2) });
    frames(1);
    expect(take()).toEqual([["b", 2, 1]]);
  });

  it("is coarse while a slow device moves and sharp, one viewport a frame, when still", () => {
    const { engine, take } = watched(true);
    engine.moving();
    for (const id of ["a", "b"]) engine.show(id, scene(3));
    frames(1);
    expect(take().map(([id, , step]) => [id, step > 1])).toEqual([
      ["a", true],
      ["b", true],
    ]);
    vi.advanceTimersByTime(2000);
    expect(take()).toEqual([
      ["a", 3, 1],
      ["b", 3, 1],
    ]);
    vi.advanceTimersByTime(2000);
    expect(take()).toEqual([]);
  });

  it("stays coarse as long as the movement goes on", () => {
    const { engine, take } = watched(true);
    for (let mm = 0; mm < 100; mm++) {
      engine.moving();
      engine.show("a", scene(mm));
      frames(1);
    }
    const seen = take();
    expect(seen).toHaveLength(100);
    expect(seen.every(([, , step]) => step > 1)).toBe(true);
  });

  it("becomes sharp part by part, so that a gesture never waits for a whole picture", () => {
    const { engine, take, takeRows } = watched(true);
    engine.moving();
    engine.show("a", scene(1, 900));
    frames(1);
    vi.advanceTimersByTime(3000);
    expect(
      new Set(
        take()
          .slice(1)
          .map(([, , step]) => step),
      ),
    ).toEqual(new Set([1]));
    const [, ...bands] = takeRows();
    expect(bands.length).toBeGreaterThan(3);
    // Without gaps, each row once.
    expect(bands[0]![0]).toBe(0);
    expect(bands.at(-1)![1]).toBe(900);
    bands.slice(1).forEach(([low], i) => expect(low).toBe(bands[i]![1]));
  });

  it("begins anew when it moves on before it is sharp", () => {
    const { engine, take, takeRows } = watched(true);
    engine.moving();
    engine.show("a", scene(1, 900));
    frames(1);
    takeRows();
    while (takeRows().length === 0) frames(1);
    take();
    engine.moving();
    engine.show("a", scene(2, 900));
    frames(1);
    const [[, mm, step] = ["", 0, 0]] = take();
    expect([mm, step > 1, takeRows()]).toEqual([2, true, [[0, 900]]]);
    vi.advanceTimersByTime(3000);
    expect(take().every(([, at, fine]) => at === 2 && fine === 1)).toBe(true);
    const bands = takeRows();
    expect([bands[0]![0], bands.at(-1)![1]]).toEqual([0, 900]);
  });

  it("becomes sharp when a gesture goes on without changing anything", () => {
    const { engine, take } = watched(true);
    engine.moving();
    engine.show("a", scene(1));
    frames(1);
    take();
    for (let i = 0; i < 60; i++) {
      engine.moving();
      frames(1);
    }
    expect(take()).toEqual([]);
    vi.advanceTimersByTime(3000);
    expect(take()).toEqual([["a", 1, 1]]);
  });

  it("is sharp at once for a picture to keep, even within a gesture", () => {
    const { engine, take } = watched(true);
    engine.moving();
    engine.show("a", scene(1));
    frames(1);
    engine.moving();
    engine.show("a", scene(2));
    take();
    engine.finish();
    expect(take()).toEqual([["a", 2, 1]]);
  });

  it("is never coarse on a device that is fast", () => {
    const { engine, take } = watched(false);
    engine.moving();
    engine.show("a", scene(1));
    frames(1);
    expect(take()).toEqual([["a", 1, 1]]);
  });
});
