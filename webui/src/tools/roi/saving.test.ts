// Saving a ROI, with the service's answer stood in for.
import { afterEach, expect, test, vi } from "vitest";
import { viewer } from "../../viewer";
import { maskVolume } from "./roi.svelte";
import { rois } from "./rois.svelte";
import { saveRoi } from "./saving";

const { post } = vi.hoisted(() => ({ post: vi.fn() }));
vi.mock("../../core/api", async (original) => ({
  ...(await original<typeof import("../../core/api")>()),
  api: { post },
}));
vi.mock("./packed", async (original) => ({
  ...(await original<typeof import("./packed")>()),
  packedVoxels: () => Promise.resolve(""),
}));
vi.mock("./drafts", () => ({ dropDraft: () => Promise.resolve(), putDraft: vi.fn() }));

const geometry = {
  shape: [4, 4, 2] as const,
  affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
  frames: 1,
  frameSeconds: 0,
};
const file = { id: 7, name: "left.nii.gz", path: "left.nii.gz", version: "v1", psid: "A#1" };

afterEach(() => viewer.closeAll());

test("URL-01, ROI-10: what was drawn and saved is a file of links from then on", async () => {
  const roi = rois.add("left", geometry, null, maskVolume("left", geometry).data as Uint8Array);
  roi.reference = { id: 3, study_id: 5 } as never;
  expect(viewer.serialize().layers).toEqual([]);
  post.mockResolvedValue({ file, version_n: 1, requested_path: file.path });
  expect(await saveRoi(roi)).toBe(true);
  expect(viewer.serialize().layers.map((one) => one.file.id)).toEqual([7]);
});
