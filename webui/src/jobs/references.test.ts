import { describe, expect, it } from "vitest";
import type { Argument } from "../core/types-jobs";
import { findReferences, kindOfReference, rowsFor } from "./references";

describe("JOB-03 references in code", () => {
  it("are found in all the ways a shell writes them", () => {
    const code = 'cp $f1 "${f2%.nii}" > $o1 && echo "${f3[@]}" $n1 $s1 $p1';
    expect(findReferences("bash", code)).toEqual(["f1", "f2", "f3", "o1", "p1", "s1", "n1"]);
  });
  it("are not seen where they are none", () => {
    expect(findReferences("bash", "\\$f1 $$f2 $f12 $final ${foo} f3 $f0")).toEqual([]);
  });
  it("count once, in order", () => {
    expect(findReferences("python", "nib.load($f2); nib.load('$f1'); $f2")).toEqual(["f1", "f2"]);
  });
  it("JOB-08 in MATLAB are input and output variables", () => {
    const code = "x = load(input2{1}); save(output1); myinput1 = 3; a.input3 = input10;";
    expect(findReferences("matlab", code)).toEqual(["input2", "input10", "output1"]);
  });
  it("know their kinds", () => {
    expect(["f1", "o2", "p1", "s1", "n9", "output3"].map(kindOfReference)).toEqual([
      "FILE",
      "OUT",
      "PATHOUT",
      "STRING",
      "NUMERIC",
      "OUT",
    ]);
  });
});

it("JOB-04 a row that comes back while editing keeps its value", () => {
  const memory = new Map<string, Argument>();
  const first = rowsFor("bash", "cat $f1", [], memory);
  const typed = first.map((row) => ({ ...row, value: "t1*/s0__.nii" }));
  const without = rowsFor("bash", "cat $f", typed, memory);
  expect(without).toEqual([]);
  expect(rowsFor("bash", "cat $f1", without, memory)[0]?.value).toBe("t1*/s0__.nii");
});
