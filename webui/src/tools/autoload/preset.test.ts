import { expect, it } from "vitest";
import {
  colourOf,
  hexOf,
  patternOf,
  readPlaces,
  studiesOf,
  writePlaces,
  type Shown,
} from "./preset";

const file = (path: string, tags: string[] = [], psid = "S-0001#2024-05"): Shown => ({
  path,
  psid,
  tags,
});

it("AUTO-x01: a smart snapshot turns series numbers and codes into wildcards", () => {
  expect(patternOf(file("t1_mprage_4/s001.nii"), "smart")).toBe("t1_mprage*/s*.nii");
  expect(patternOf(file("t1_mprage_4/s001.nii.gz"), "smart")).toBe("t1_mprage*/s*.nii");
  expect(patternOf(file("rois/tumor.nii.gz"), "smart")).toBe("rois*/tumor.nii");
  expect(patternOf(file("brain_labels.nii"), "smart")).toBe("brain_labels.nii");
  expect(patternOf(file("anat/sub-01_ses-1_T1w.nii.gz"), "smart")).toBe(
    "anat*/sub-*_ses-*_T1w.nii",
  );
  expect(patternOf(file("S-0001_T1.nii"), "smart")).toBe("*_T1.nii");
  expect(patternOf(file("a b/s01.nii"), "smart")).toBe('"a b*/s*.nii"');
  expect(patternOf(file("t1.nii"), "smart")).toBe("t1.nii");
  expect(patternOf(file("dwi_b1000.nii.gz"), "smart")).toBe("dwi_b1000.nii");
  expect(patternOf(file("image_0004.nii"), "smart")).toBe("image_*.nii");
  expect(patternOf(file("echo_2.nii"), "smart")).toBe("echo_2.nii");
});

it("AUTO-x01: a strict snapshot names the path, one by tag the tags but not mask", () => {
  expect(patternOf(file("t1_mprage_4/s001.nii.gz"), "strict")).toBe("t1_mprage_4/s001.nii");
  expect(patternOf(file("top.nii"), "strict")).toBe("./top.nii");
  expect(patternOf(file("a*b/c.nii"), "strict")).toBe("a\\*b/c.nii");
  expect(patternOf(file("x/y.nii", ["mask", "tumor", "of ann"]), "tags")).toBe(
    'tag:tumor & tag:"of ann"',
  );
  expect(patternOf(file("x_1/y.nii", ["mask"]), "tags")).toBe("x*/y.nii");
});

it("AUTO-x03: files of another subject, such as a template, keep their study", () => {
  expect(studiesOf(file("t1/a.nii"), "S-0001#2024-05")).toBe("");
  expect(studiesOf(file("t1/a.nii"), "S-0001#other")).toBe("");
  expect(studiesOf(file("t1/a.nii", [], "ANALYSIS#MNI"), "S-0001#2024")).toBe("ANALYSIS#MNI");
});

it("AUTO-x03: viewports are counted from 1 by people, colours are hexadecimal", () => {
  expect(readPlaces("1, 3 3")).toEqual([0, 2]);
  expect(readPlaces("x 0")).toEqual([]);
  expect(writePlaces([0, 2])).toBe("1, 3");
  expect(colourOf(hexOf([1, 128, 255]))).toEqual([1, 128, 255]);
  expect(colourOf("red")).toBeNull();
});
