import { expect, it } from "vitest";
import { t, word } from "./strings";

it("fills braces and picks the plural", () => {
  expect(t("n_studies", { n: 1 })).toBe("1 study");
  expect(t("n_studies", { n: 2 })).toBe("2 studies");
  expect(t("jobs_indicator", { r: 1, q: 2, e: 0 })).toContain("1 running, 2 queued, 0 with errors");
});

it("shows a word of the service that is new to us as it is", () => {
  expect(word("state", "done")).toBe("done");
  expect(word("state", "teleported")).toBe("teleported");
});
