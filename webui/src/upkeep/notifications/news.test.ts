import { describe, expect, it } from "vitest";
import { badge, fresh, type Note } from "./news.svelte";

const at = (updated_at: string): Note => ({ key: updated_at, updated_at }) as Note;

describe("news", () => {
  it("shows a number that keeps its width", () => {
    expect([badge(1), badge(99), badge(100)]).toEqual(["1", "99", "99+"]);
  });
  it("picks what is newer than what was shown, oldest first, a few at most", () => {
    const items = ["5", "4", "3", "2", "1"].map(at);
    expect(fresh(items, "3").map((one) => one.key)).toEqual(["4", "5"]);
    expect(fresh(items, "0").map((one) => one.key)).toEqual(["3", "4", "5"]);
    expect(fresh(items, "5")).toEqual([]);
  });
});
