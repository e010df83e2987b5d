import { expect, it, vi } from "vitest";
import { PagedList } from "./paged.svelte";
import type { Page } from "./types";

/** A service with `total` rows 0, 1, 2 … whose cursor is the last row. */
function rows(total: () => number) {
  return vi.fn(async (after: string | null, limit: number): Promise<Page<number>> => {
    const from = after === null ? 0 : Number(after) + 1;
    const items = Array.from({ length: Math.min(limit, total() - from) }, (_, i) => from + i);
    const last = from + items.length - 1;
    return { items, total: total(), next: last < total() - 1 ? String(last) : null };
  });
}
const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

it("reads one page, then on as far as somebody looks", async () => {
  const list = new PagedList<number>(rows(() => 1000));
  await list.reset();
  expect([list.items.length, list.total, list.complete]).toEqual([200, 1000, false]);
  list.need(350);
  await settled();
  expect(list.items).toHaveLength(400);
  list.need(999);
  await settled();
  expect(list.items).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect(list.complete).toBe(true);
});

it("refreshes what was read and nothing more", async () => {
  let total = 1000;
  const fetch = rows(() => total);
  const list = new PagedList<number>(fetch);
  await list.reset();
  list.need(399);
  await settled();
  total = 390;
  await list.refresh();
  expect(list.items).toHaveLength(390);
  expect(list.total).toBe(390);
});

it("keeps its rows when a later page fails, and tells why", async () => {
  const fetch = rows(() => 1000);
  const list = new PagedList<number>(fetch);
  await list.reset();
  fetch.mockRejectedValueOnce(new Error("away"));
  list.need(500);
  await settled();
  expect(list.status).toBe("failed");
  expect(list.items).toHaveLength(200);
  expect((list.error as Error).message).toBe("away");
});

it("drops the answer to an old question", async () => {
  let release: (page: Page<number>) => void = () => undefined;
  const slow = new Promise<Page<number>>((resolve) => (release = resolve));
  const fetch = vi
    .fn()
    .mockReturnValueOnce(slow)
    .mockResolvedValue({ items: [7], total: 1, next: null });
  const list = new PagedList<number>(fetch);
  const first = list.reset();
  await list.reset();
  release({ items: [1, 2], total: 2, next: null });
  await first;
  expect(list.items).toEqual([7]);
});

it("tells that its rows answer an earlier question, and keeps none that would be wrong", async () => {
  const fetch = rows(() => 3);
  const list = new PagedList<number>(fetch);
  await list.reset();
  const asked = list.reset();
  expect([list.asking, list.items.length]).toEqual([true, 3]);
  await asked;
  expect(list.asking).toBe(false);
  const other = list.restart();
  expect(list.items).toEqual([]);
  await other;
  fetch.mockRejectedValueOnce(new Error("away"));
  await list.reset();
  expect([list.items.length, list.status, list.asking]).toEqual([0, "failed", false]);
});
