import { describe as group, expect, test } from "vitest";
import { counted, describe, KINDS, names, verbsOf } from "./describe";

const say = (verb: string, target: Record<string, unknown>): string => describe({ verb, target });

group("a line of history", () => {
  test("tells which tags went where", () => {
    expect(say("tag", { level: "study", n: 1, add: ["a", "b c"], remove: [] })).toBe(
      "Put “a”, “b c” on 1 study",
    );
    expect(say("tag", { level: "file", n: 12, add: [], remove: ["x"] })).toBe(
      "Took “x” off 12 files",
    );
    expect(say("tag", { level: "subject", n: 2, add: ["y"], remove: ["x"] })).toBe(
      "Put “y” on 2 subjects and took “x” off",
    );
    expect(say("tag", { level: "", n: 3, add: ["y"], remove: ["x"], everywhere: true })).toBe(
      "Renamed the tag “x” to “y” on 3 items",
    );
  });
  test("counts what was deleted and names some of it", () => {
    const target = { subjects: 1, files: 2, names: ["S-1", 7] };
    expect(say("trash", target)).toBe("Deleted 1 subject, 2 files");
    expect(names({ target })).toEqual(["S-1"]);
  });
  test("tells that somebody was looked up, or the label of a slide (SPA-04)", () => {
    expect(say("reveal", { subject_id: 3 })).toBe("Looked at who a subject is");
    expect(say("reveal", { file_id: 3, photograph: "label" })).toContain("label or glass");
  });
  test("tells old and new names", () => {
    expect(say("rename", { from: "S-1", to: "P-7" })).toBe("Renamed S-1 to P-7");
    const of = { from: "S-1", to: "P-7" };
    expect(say("undo", { operation: 12, verb: "rename", of })).toBe(
      "Took back: Renamed S-1 to P-7",
    );
    expect(say("undo", { operation: 12, verb: "undo" })).toBe("Took back: undo");
  });
  test("tells rights in words", () => {
    expect(say("set_rights", { user: "ann", rights: ["editor", "reader"] })).toBe(
      "Gave ann the rights edit, look",
    );
    expect(say("set_rights", { user: "<ANY>", rights: ["manage", "reader"] })).toBe(
      "Made Every user an administrator of the project",
    );
    expect(say("set_rights", { user: "ann", rights: [] })).toBe("Took all rights from ann");
  });
  test("tells what went to and came from other machines", () => {
    expect(say("pacs-search", { node: "ARCHIVE" })).toBe("Searched the archive ARCHIVE");
    expect(say("pacs-pull", { node: "ARCHIVE", n: 3 })).toBe(
      "Asked for 3 series of the archive ARCHIVE",
    );
    expect(say("export-dicom", { studies: 1 })).toBe("Exported 1 study as DICOM");
  });
  test("counts jobs, one when no number is kept", () => {
    expect(say("dismiss_job", { n: 12 })).toBe("Took 12 jobs out of the table");
    expect(say("prioritise_job", { job: "a", priority: 5 })).toBe("Gave 1 job the priority 5");
  });
  test("keeps a word that is new to us, and survives odd targets", () => {
    expect(say("teleport", {})).toBe("teleport");
    expect(counted({})).toBe("0 items");
    expect(say("tag", { add: null, remove: 3 })).toContain("off");
  });
  test("the filter knows the verbs of a kind", () => {
    expect(verbsOf("tag")).toContain("respell_tag");
    expect(verbsOf("nothing")).toBe("");
    expect(new Set(KINDS.map((kind) => kind.id)).size).toBe(KINDS.length);
  });
});
