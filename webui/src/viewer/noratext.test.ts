// Text that NORA keeps in headers (nora-behaviour 9, 10): read as words, never run.
import { expect, it } from "vitest";
import { noraText } from "./noratext";

const NOTHING = { histogram: null, unit: "", xdata: null };

it.each([
  ['{hlim:[0,1.5], unit:"ms"}', { ...NOTHING, histogram: { low: 0, high: 1.5 }, unit: "ms" }],
  ['{"hlim": [-3, 3e2]}', { ...NOTHING, histogram: { low: -3, high: 300 } }],
  ['{"xdata":[0, 2.5, 10]}', { ...NOTHING, xdata: [0, 2.5, 10] }],
  ["{hlim:[5,5]}", NOTHING],
  ["{hlim:[1,alert(2)]}", NOTHING],
  ["5.0.11", NOTHING],
  ["", NOTHING],
])("limits, unit and x of %s (VIEW-x04)", (text, found) => {
  expect(noraText(text)).toEqual(found);
});
