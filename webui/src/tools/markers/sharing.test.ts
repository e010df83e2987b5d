// Markers in shared links, with the service's answers stood in for.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FileRow } from "../../core/types";
import { recover } from "./keeping.svelte";
import { MarkerFile, markers, MarkerSet } from "./markers.svelte";
import { newSet, withPoint, type SetData } from "./model";
import { inLinks } from "./sharing";

const { get } = vi.hoisted(() => ({ get: vi.fn() }));
vi.mock("../../core/api", async (original) => ({
  ...(await original<typeof import("../../core/api")>()),
  api: { get },
}));

const set = (name: string): SetData => withPoint(newSet("pointset", name), [1, 2, 3]);
const row = {
  id: 17,
  name: "seen.ano.json",
  path: "annotations/seen.ano.json",
  psid: "A#1",
  study_id: 5,
  version: "v2",
} as FileRow;

function open(data: SetData, more: Partial<MarkerFile> = {}): MarkerSet {
  const file = Object.assign(new MarkerFile(), { study: { id: 5, psid: "A#1" }, ...more });
  const shown = new MarkerSet(file, data);
  markers.attach([shown]);
  return shown;
}
const saved = { id: 17, path: row.path, version: "v1" };
/** Through JSON, as the service keeps it. */
const shared = () => JSON.parse(JSON.stringify(inLinks.save())) as ReturnType<typeof inLinks.save>;
const names = (): string[] => markers.list.map(({ data }) => data.name);

beforeEach(() => {
  get.mockResolvedValue({ format: "nora", version: "v2", notes: [], sets: [set("seen")] });
});
afterEach(() => markers.detach(markers.list));

test("URL-01: a saved file is named, its sets are as they are when the link is opened", async () => {
  const data = set("before");
  const shown = open(data, { saved, clean: [data] });
  shown.visible = false;
  const link = shared();
  expect(link.files).toEqual([17]);
  expect(JSON.stringify(link)).not.toContain("before");
  await inLinks.show(link.value, [row], [row]);
  expect(names()).toEqual(["seen"]);
  expect(markers.list[0]!.visible).toBe(false);
  expect(markers.dirty).toEqual([]);
  expect(markers.list[0]!.file.saved?.version).toBe("v2");
});

test("URL-01: changes go along, and belong to the version that they were made on", async () => {
  const shown = open(set("changed"), { saved, clean: [set("seen")] });
  markers.select(shown, shown.data.points[0]!.id);
  const link = shared();
  await inLinks.show(link.value, [row], [row]);
  const [now] = markers.list;
  expect(now!.data).toEqual(shown.data);
  expect(now).not.toBe(shown);
  expect(markers.isDirty(now!.file)).toBe(true);
  expect(now!.file.saved).toEqual({ id: 17, path: row.path, version: "v1" });
  expect([markers.current, markers.point]).toEqual([now, shown.data.points[0]!.id]);
});

test("a new set goes along and belongs to its study where that is shown", async () => {
  open(set("new"));
  const link = shared();
  expect(link.files).toEqual([]);
  await inLinks.show(link.value, [], [{ ...row, study_id: 8 }]);
  expect(names()).toEqual(["new"]);
  expect(markers.list[0]!.file.study).toEqual({ id: 8, psid: "A#1" });
  await inLinks.show(shared().value, [], []);
  expect(markers.list[0]!.file.study).toBeNull();
});

test("what was read from this computer stays on it", () => {
  open(set("secret"), { local: true, source: "mine.fcsv" });
  expect(JSON.stringify(shared())).not.toContain("secret");
  expect(inLinks.local()).toEqual(["mine.fcsv"]);
});

test("what was read from this computer and recovered after a crash stays on it, too", () => {
  recover({
    key: "k",
    login: "anna",
    name: "secret",
    source: "mine.fcsv",
    local: true,
    study: null,
    saved: null,
    sets: [set("secret")],
    at: 0,
  });
  expect(JSON.stringify(shared())).not.toContain("secret");
});

test("a file that is not there is left out; its changes are not", async () => {
  const data = set("gone");
  open(data, { saved, clean: [data] });
  const clean = shared();
  await inLinks.show(clean.value, [null], []);
  expect(names()).toEqual([]);
  open(set("changed"), { saved, clean: [data] });
  await inLinks.show(shared().value, [null], []);
  expect(names()).toEqual(["changed"]);
  expect(markers.list[0]!.file.saved).toBeNull();
});

test("markers that are open give way; unsaved ones come back by undo", async () => {
  open(set("unsaved"));
  const link = { files: [], current: -1, point: null };
  await inLinks.show(link, [], []);
  expect(names()).toEqual([]);
  const { history } = await import("../history.svelte");
  history.undo();
  expect(names()).toEqual(["unsaved"]);
});
