import { expect, it } from "vitest";
import { nameQuery, rank, score, type Entry } from "./palette";

const entry = (label: string, group = "a"): Entry => ({
  id: label,
  label,
  group,
  detail: "",
  keys: "",
  run: () => undefined,
});

it("prefers the start of the text, then of a word, then anything inside", () => {
  const order = ["jobs", "show jobs", "subjobs"].map((label) => score(label, "jobs"));
  expect(order).toEqual([...order].sort((a, b) => b - a));
  expect(new Set(order).size).toBe(3);
});

it("leaves out what does not match and keeps groups together", () => {
  const entries = [
    entry("Jobs", "pages"),
    entry("Theme", "look"),
    entry("Show jobs", "look"),
    entry("Jobs of x", "pages"),
  ];
  expect(rank(entries, "jobs", 10).map((one) => one.label)).toEqual([
    "Jobs",
    "Jobs of x",
    "Show jobs",
  ]);
});

it("finds letters in order only for longer words", () => {
  expect(score("Health", "hlt")).toBeGreaterThan(0);
  expect(score("Health", "ht")).toBe(0);
});

it("asks for names with what was typed, whatever signs are in it", () => {
  expect(nameQuery("Window: CT (")).toBe('"Window:" "CT" "("');
  expect(nameQuery('  say "a & b" ')).toBe('"say" "a" "&" "b"');
  expect(nameQuery("S-0001#2024-05")).toBe('"S-0001"#"2024-05"');
  expect(nameQuery("S-0001# #x")).toBe('"S-0001"# #"x"');
});
