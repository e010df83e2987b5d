import { describe, expect, it, vi } from "vitest";
import type { Page } from "../core/types";
import { valuesByStudy } from "./meta.svelte";
import { nearerEnd, RowList } from "./rows.svelte";
import { quickTags } from "./settings";

const ALL = Array.from({ length: 20_000 }, (_, id) => ({ id }));

/** A service with 20 000 rows; the cursor is a place. */
function service(asked: string[] = []): RowList<{ id: number }> {
  return new RowList((backwards, after, limit) => {
    const rows = backwards ? ALL.toReversed() : ALL;
    const start = Number(after ?? 0);
    asked.push(`${backwards ? "end" : "start"} ${start} ${limit}`);
    const items = rows.slice(start, start + limit);
    const next = start + limit < rows.length ? String(start + limit) : null;
    return Promise.resolve<Page<{ id: number }>>({ items, next, total: rows.length });
  });
}

describe("a list that is read from both ends", () => {
  it("begins with one page", async () => {
    const list = service();
    await list.reset();
    expect([list.head.length, list.total, list.status]).toEqual([200, 20_000, "ready"]);
    expect(list.at(19_999)).toBeUndefined();
    expect(list.complete).toBe(false);
  });
  it("has its last rows at once", async () => {
    const asked: string[] = [];
    const list = service(asked);
    await list.reset();
    await list.ensure(19_980, 19_999);
    expect(asked).toEqual(["start 0 200", "end 0 200"]);
    expect(list.at(19_999)?.id).toBe(19_999);
    expect(list.at(19_980)?.id).toBe(19_980);
    expect(list.indexOf(19_990)).toBe(19_990);
  });
  it("meets in the middle and then holds every row once", async () => {
    const list = service();
    await list.reset();
    await list.ensure(19_000, 19_999);
    await list.ensure(0, 19_999);
    expect(list.complete).toBe(true);
    expect(list.loaded().map((row) => row.id)).toEqual(ALL.map((row) => row.id));
    expect(list.placesOf(new Set([3, 19_997]))).toEqual([
      { index: 3, row: { id: 3 } },
      { index: 19_997, row: { id: 19_997 } },
    ]);
  });
  it("reads what is in sight again, and nothing deep down", async () => {
    const asked: string[] = [];
    const list = service(asked);
    await list.reset();
    await list.ensure(0, 8000);
    list.need(100, 140);
    asked.length = 0;
    await list.refresh();
    expect(asked).toEqual(["start 0 1000"]);
    await list.ensure(0, 8000);
    list.need(7000, 7040);
    asked.length = 0;
    await list.refresh();
    expect([asked, list.stale]).toEqual([[], true]);
    list.need(0, 40);
    await vi.waitFor(() => expect(list.stale).toBe(false));
    expect(asked[0]).toBe("start 0 1000");
  });
  it("holds no row twice when new ones come while others are still read", async () => {
    const rows: { id: number }[] = [];
    const list = new RowList<{ id: number }>(async (backwards, after, limit) => {
      const all = backwards ? rows.toReversed() : [...rows];
      await new Promise((done) => setTimeout(done, 1));
      const start = Number(after ?? 0);
      const items = all.slice(start, start + limit);
      const next = start + limit < all.length ? String(start + limit) : null;
      queueMicrotask(() => look(12)); // as a page does that draws at once what it is told
      return { items, next, total: all.length };
    });
    function look(times: number): void {
      list.need(0, rows.length);
      if (times > 0) queueMicrotask(() => look(times - 1));
    }
    const twice = (): number => list.head.length - new Set(list.head.map((row) => row.id)).size;
    await list.reset();
    for (let n = 0; n < 30; n++) {
      rows.push(
        ...Array.from({ length: n < 3 ? 1 : 40 }, () => ({ id: rows.length + Math.random() })),
      );
      const ask = [list.refresh(), list.refresh()];
      list.need(0, rows.length);
      await Promise.resolve();
      list.need(0, rows.length);
      await ask[n % 2];
      list.need(0, rows.length);
      await new Promise((done) => setTimeout(done, n % 3));
      expect(twice()).toBe(0);
    }
    await list.refresh();
    await list.ensure(0, rows.length);
    expect(list.loaded()).toEqual(rows);
  });
  describe("with rows by number", () => {
    const asked: string[] = [];
    let all = ALL;
    function far(): RowList<{ id: number }> {
      asked.length = 0;
      all = ALL;
      const page = (start: number, limit: number) => {
        const next = start + limit < all.length ? String(start + limit) : null;
        return Promise.resolve({ items: all.slice(start, start + limit), next, total: all.length });
      };
      return new RowList(
        (_, after, limit) => page(Number(after ?? 0), limit),
        (offset, limit) => {
          asked.push(`at ${offset} ${limit}`);
          return page(offset, limit);
        },
      );
    }
    it("a far place is read at once, and what lies around it later", async () => {
      const list = far();
      await list.reset();
      list.need(10_000, 10_040);
      await vi.waitFor(() => expect(list.at(10_040)?.id).toBe(10_040));
      expect([asked, list.head.length]).toEqual([["at 9900 400"], 200]);
      expect([list.at(9000), list.indexOf(10_007)]).toEqual([undefined, 10_007]);
      list.need(10_290, 10_330);
      await vi.waitFor(() => expect(list.at(10_330)?.id).toBe(10_330));
      list.need(9880, 9920);
      await vi.waitFor(() => expect(list.at(9880)?.id).toBe(9880));
      expect(asked.slice(1)).toEqual(["at 10300 400", "at 9700 200"]);
      expect(list.placesOf(new Set([9801]))).toEqual([{ index: 9801, row: { id: 9801 } }]);
      expect(list.loaded().map((row) => row.id)).toEqual([
        ...ALL.slice(0, 200).map((row) => row.id),
        ...ALL.slice(9700, 10_700).map((row) => row.id),
      ]);
    });
    it("what is in sight far away is read again when something changed", async () => {
      const list = far();
      await list.reset();
      list.need(10_000, 10_040);
      await vi.waitFor(() => expect(list.at(10_000)).toBeDefined());
      all = [{ id: -1 }, ...ALL];
      await list.refresh();
      expect([list.at(0)?.id, list.at(10_000)?.id, list.total]).toEqual([-1, 9999, 20_001]);
    });
    it("holds no row twice when rows came above meanwhile", async () => {
      const list = far();
      await list.reset();
      list.need(10_000, 10_040);
      await vi.waitFor(() => expect(list.at(10_000)).toBeDefined());
      all = [{ id: -1 }, { id: -2 }, ...ALL];
      list.need(10_290, 10_330);
      await vi.waitFor(() => expect(list.at(10_330)).toBeDefined());
      const ids = list.loaded().map((row) => row.id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(list.at(10_330)?.id).toBe(10_328);
    });
  });
  it("gives up where the service has fewer rows than it said", async () => {
    const list = new RowList(() => Promise.resolve({ items: [{ id: 1 }], next: null, total: 9 }));
    await list.reset();
    await list.ensure(0, 8);
    expect(list.loaded().map((row) => row.id)).toEqual([1]);
  });
  it("starts over without its old end", async () => {
    const list = service();
    await list.reset();
    await list.ensure(19_990, 19_999);
    await list.reset();
    expect(list.tail).toEqual([]);
  });
});

it("the nearer end is read", () => {
  expect(nearerEnd(300, 200, 0, 1000)).toEqual({ backwards: false, far: 101 });
  expect(nearerEnd(900, 200, 0, 1000)).toEqual({ backwards: true, far: 100 });
});

it("PROJ-x01 a metadata column shows the values of the study's files", () => {
  const rows = [
    [1, "S-1", "a", null, 1.23456789, null],
    [2, "S-2", "b", null, null, "x"],
  ];
  const texts = valuesByStudy({ columns: ["r.volume", "r.name"], rows });
  expect([...texts]).toEqual([
    ["S-1#a", "1.23457"],
    ["S-2#b", "x"],
  ]);
});

it("VIEW-x11 the habitual tags are a list", () => {
  expect(quickTags("mask, atlas, ,mask")).toEqual(["mask", "atlas"]);
});
