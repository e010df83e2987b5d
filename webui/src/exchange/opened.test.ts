import { afterEach, expect, it } from "vitest";
import { forgetOpened, opened, rememberOpened } from "./opened.svelte";
import { addressOfUpload } from "./uploading";

afterEach(forgetOpened);

it("IMP-06 what was dropped on the desktop can be uploaded later, each file once", () => {
  const file = new File(["abc"], "t1.nii", { lastModified: 5 });
  rememberOpened([file]);
  rememberOpened([file, new File(["abcd"], "t1.nii", { lastModified: 5 })]);
  expect(opened.files.map((one) => [one.path, one.file.size])).toEqual([
    ["t1.nii", 3],
    ["t1.nii", 4],
  ]);
  forgetOpened();
  expect(opened.files).toEqual([]);
});

it("IMP-x01 the menu leads to an upload into the one checked study, or with the native PID", () => {
  const study = "S-0001#2024-05-02";
  expect(addressOfUpload("study", [study])).toBe(
    "/upload?mode=study&subject=S-0001&study=2024-05-02",
  );
  expect(addressOfUpload("study", [study, study])).toBe("/upload?mode=study");
  expect(addressOfUpload("native", [study])).toBe("/upload?mode=native");
});
