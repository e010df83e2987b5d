import { expect, it } from "vitest";
import { PAGES } from "./pages";

it("no two pages have the same key (VIEW-28)", () => {
  const keys = PAGES.flatMap(({ key, letter }) => [key, letter]).filter(Boolean);
  expect(new Set(keys).size).toBe(keys.length);
});
