// The dialogs of what leaves, in each of their states.
import { flushSync, mount, unmount, type Component } from "svelte";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "../core/api";
import { closeDialog, openedDialog } from "../core/dialogs.svelte";
import { ApiError } from "../core/problem";
import { session } from "../core/session.svelte";
import DicomDialog from "./DicomDialog.svelte";
import ReleaseDialog from "./ReleaseDialog.svelte";
import { askOnRefusal, type ReleaseCheck } from "./releasing";

const LONG = `${"a-very-long-folder-name/".repeat(12)}t1.nii`;
const REFUSAL = { status: 409, key: "release_unconfirmed", detail: "it tells who somebody is" };
const check = (severity: "identifies" | "may" | "note", needed: boolean): ReleaseCheck => ({
  key: "k1",
  project: "p",
  way: "link",
  n_files: 1,
  n_subjects: 1,
  findings: [
    { rule: "text", severity, text: "Texts hold a name.", advice: "", n: 1, places: [LONG] },
  ],
  fields: { NIfTI: ["descrip"] },
  needed,
  made_by: "anna",
  created_at: "",
  confirmed_by: null,
  confirmed_at: null,
  report_url: "/report",
});
const plan = {
  options: [],
  n_subjects: 1,
  n_studies: 1,
  n_series: 2,
  n_objects: 3,
  n_withheld: 1,
  size_bytes: 1000,
  withheld: [
    { subject: "S-0001", study: "study-1", series: "series-001", reason: "it is a report", n: 1 },
  ],
  blackened: [
    {
      subject: "S-0001",
      study: "study-1",
      series: "series-002",
      rules: ["US | * | * | * | regions"],
      percent: 9.6,
      n: 2,
    },
  ],
  changes: [{ tag: "(0010,0010)", name: "PatientName", action: "replaced", n: 3 }],
};

let shown: Record<string, unknown> | null = null;
function show<P extends Record<string, unknown>>(component: Component<P>, props: P): HTMLElement {
  shown = mount(component, { target: document.body, props });
  flushSync();
  return document.body;
}
const until = (what: () => void): Promise<void> => vi.waitFor(what, 30_000);
const button = (name: string): HTMLButtonElement | undefined =>
  [...document.querySelectorAll("button")].find((one) => one.textContent.trim() === name);

class NoResize {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

beforeAll(() => {
  vi.setConfig({ testTimeout: 60_000 });
  vi.stubGlobal("ResizeObserver", NoResize);
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement): void {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function (this: HTMLDialogElement): void {
    this.open = false;
  };
});
beforeEach(() => {
  vi.restoreAllMocks();
});
afterEach(async () => {
  if (shown) await unmount(shown);
  shown = null;
  closeDialog();
});

const may = (rights: string[]): void => {
  vi.spyOn(session, "projectRow", "get").mockReturnValue({ rights } as never);
};

describe("the last look", () => {
  it("wants a word from who may know, confirms it, then lets go", async () => {
    may(["deanonym"]);
    const post = vi.spyOn(api, "post").mockResolvedValue({});
    const go = vi.fn();
    const body = show(ReleaseDialog, { check: check("identifies", true), go, onclose: vi.fn() });
    expect(button("Let it leave")?.disabled).toBe(true);
    body.querySelector<HTMLInputElement>("input[type=checkbox]")!.click();
    flushSync();
    expect(button("Let it leave")?.disabled).toBe(false);
    body.querySelector("form")!.requestSubmit();
    await until(() => expect(go).toHaveBeenCalledOnce());
    expect(post).toHaveBeenCalledWith("/projects/p/releases/checks/k1/confirm", {});
  });
  it("lets nobody go on who may not know", () => {
    may([]);
    const body = show(ReleaseDialog, {
      check: check("identifies", true),
      go: vi.fn(),
      onclose: vi.fn(),
    });
    expect(body.querySelector("input[type=checkbox]")).toBeNull();
    expect(body.textContent).toContain("Only somebody who may see who subjects are");
    expect(button("Let it leave")?.disabled).toBe(true);
  });
  it("asks no word for what only may tell, and shows long names whole", async () => {
    may([]);
    const go = vi.fn();
    const post = vi.spyOn(api, "post");
    const body = show(ReleaseDialog, { check: check("may", false), go, onclose: vi.fn() });
    expect(body.textContent.replaceAll(/\s/g, "")).toContain(LONG);
    body.querySelector("form")!.requestSubmit();
    await until(() => expect(go).toHaveBeenCalledOnce());
    expect(post).not.toHaveBeenCalled();
  });
});

describe("what a refusal found", () => {
  const refused = new ApiError({ ...REFUSAL, facts: { check: "k1" } }, "POST /links");
  it("is shown, and the same is tried again afterwards", async () => {
    vi.spyOn(api, "get").mockResolvedValue(check("identifies", true));
    const again = vi.fn();
    await askOnRefusal("p", refused, again);
    expect(openedDialog()?.props["go"]).toBe(again);
  });
  it("stays the refusal for who may not see it, and so does every other error", async () => {
    vi.spyOn(api, "get").mockRejectedValue(new ApiError({ status: 403 }, "GET"));
    await expect(askOnRefusal("p", refused, vi.fn())).rejects.toBe(refused);
    const other = new Error("broken");
    await expect(askOnRefusal("p", other, vi.fn())).rejects.toBe(other);
    expect(openedDialog()).toBeNull();
  });
});

describe("export as DICOM", () => {
  const open = (): HTMLElement =>
    show(DicomDialog, { project: "p", studies: ["S-0001#1"], onclose: vi.fn() });
  it("tells what is held back, what turns black and what is done", async () => {
    vi.spyOn(api, "post").mockResolvedValue(plan);
    const body = open();
    await until(() => expect(body.textContent).toContain("it is a report"));
    expect(body.textContent).toContain("9.6 % of each picture, by US | * | * | * | regions");
    expect(body.textContent).toContain("PatientName");
    expect(button("Download")?.disabled).toBe(false);
  });
  it("has nothing to give where no objects are kept", async () => {
    vi.spyOn(api, "post").mockResolvedValue({ ...plan, n_objects: 0 });
    const body = open();
    await until(() => expect(body.textContent).toContain("No DICOM objects are kept"));
    expect(button("Download")?.disabled).toBe(true);
  });
  it("says when the plan fails, and offers no download", async () => {
    vi.spyOn(api, "post").mockRejectedValue(
      new ApiError({ status: 500, detail: "a fault" }, "POST"),
    );
    const body = open();
    await until(() => expect(body.textContent).toContain("The export could not be planned"));
    expect(button("Download")).toBeUndefined();
  });
});
