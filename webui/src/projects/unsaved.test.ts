import { afterEach, describe, expect, it, vi } from "vitest";
import { draftOf, dropDrafts, keepDraft, unsavedTabs } from "./unsaved.svelte";

vi.mock("../core/session.svelte", () => ({ session: { status: "in" } }));

const leaving = (): boolean => {
  const event = new Event("beforeunload", { cancelable: true });
  dispatchEvent(event);
  return event.defaultPrevented;
};

describe("unsaved settings of a project (PROJ-04)", () => {
  afterEach(() => dropDrafts("a"));

  it("are kept for each project and tab until they are saved", () => {
    keepDraft("a", "naming", { title: "T" });
    keepDraft("a", "storage", "2 GB");
    expect(draftOf("a", "naming")).toEqual({ title: "T" });
    expect(draftOf("b", "naming")).toBeUndefined();
    expect(unsavedTabs("a")).toEqual(["naming", "storage"]);
    keepDraft("a", "naming", undefined);
    expect([unsavedTabs("a"), unsavedTabs("b")]).toEqual([["storage"], []]);
  });

  it("make the browser ask before the window closes", () => {
    expect(leaving()).toBe(false);
    keepDraft("a", "naming", {});
    expect(leaving()).toBe(true);
    dropDrafts("a");
    expect(leaving()).toBe(false);
  });
});
