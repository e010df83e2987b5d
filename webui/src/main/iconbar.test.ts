import { describe, expect, it } from "vitest";
import { chosen, fitBar, ROW_PX } from "./iconbar";

// What is left at 1280 x 800 and 1024 x 700 of the frame's middle, without paddings and the line.
const ROOM = { large: 705, small: 605 };

describe("icon bar (VIEW-28)", () => {
  it.each([6, 12, 14, 16, 20, 30])("never needs more than its height with %i entries", (n) => {
    for (const room of Object.values(ROOM)) {
      const { rowPx, shown } = fitBar(room, n, 2);
      const rows = shown + 2 + (shown < n ? 1 : 0);
      expect(rows * (rowPx + 2)).toBeLessThanOrEqual(room);
      expect(rowPx).toBeGreaterThanOrEqual(ROW_PX.least);
      expect(rowPx).toBeLessThanOrEqual(ROW_PX.most);
    }
  });

  it("has its usual rows when there is room, and no menu while lower ones will do", () => {
    expect(fitBar(ROOM.large, 10, 2)).toEqual({ rowPx: 46, shown: 10 });
    expect(fitBar(ROOM.large, 15, 2).shown).toBe(15);
    expect(fitBar(ROOM.small, 15, 2).shown).toBeLessThan(15);
  });

  it("keeps tools and what is open, and puts rare pages into the menu", () => {
    const entry = (id: string, rank: number, used = false) => ({ id, rank, used });
    const all = [entry("jobs", 1), entry("tags", 3), entry("history", 3, true), entry("roi", 2)];
    expect(chosen(all, 3).map(({ id }) => id)).toEqual(["jobs", "history", "roi"]);
    expect(chosen(all, 4)).toEqual(all);
    expect(chosen(all, 1).map(({ id }) => id)).toEqual(["history"]);
  });
});
