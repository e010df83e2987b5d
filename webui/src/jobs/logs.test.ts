import { expect, it } from "vitest";
import { endsIn, spanOf } from "./logs";

const LOG = "one\nBad values\nthree\nbad again\n";
const lineAt = (line: number, find: string, text = LOG, dropped = 0): string | null => {
  const span = spanOf(text, { line, find }, dropped);
  return span && text.slice(...span);
};

it("a line is found by its number, and holds what was looked for in any case", () => {
  expect(lineAt(2, "bad")).toBe("Bad values");
  expect(lineAt(4, "BAD")).toBe("bad again");
  expect(lineAt(1, "bad", "bad")).toBe("bad");
});

it("a number that is off leads to the nearest line that holds the text", () => {
  expect(lineAt(900, "bad")).toBe("bad again");
  expect(lineAt(1, "three")).toBe("three");
});

it("lines that are no longer here are counted, and what is not here is not found", () => {
  expect(endsIn(LOG)).toBe(4);
  expect(lineAt(12, "bad", LOG, 10)).toBe("Bad values");
  expect(lineAt(2, "nothing")).toBeNull();
  expect(lineAt(1, "x", "")).toBeNull();
});
