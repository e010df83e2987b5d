// What a screenshot is called in an archive (GEN-06).
import { expect, test } from "vitest";
import { titleOf } from "./picture";

test.each([
  ["s001_axial.png", "s001 axial"],
  ["viewports.png", "viewports"],
  [`${"long ".repeat(20)}.png`, "long long long long long long"],
])("%s", (name, title) => expect(titleOf(name)).toBe(title));
