import { describe, expect, it } from "vitest";
import { mustAgree, tellsSomebody, worthALook, type Finding, type ReleaseCheck } from "./releasing";

const finding = (severity: string): Finding => ({
  rule: "text",
  severity: severity as Finding["severity"],
  text: "",
  advice: "",
  n: 1,
});
const check = (severities: string[], more: Partial<ReleaseCheck> = {}): ReleaseCheck => ({
  key: "k",
  project: "p",
  way: "files",
  n_files: 1,
  n_subjects: 1,
  findings: severities.map(finding),
  fields: {},
  needed: severities.includes("identifies"),
  made_by: "anna",
  created_at: "",
  confirmed_by: null,
  confirmed_at: null,
  report_url: "",
  ...more,
});

describe("the last look at what leaves", () => {
  it("asks nobody where nothing, or only a note, was found", () => {
    expect(worthALook(check([]))).toBe(false);
    expect(worthALook(check(["note"]))).toBe(false);
  });
  it("shows what may tell, and lets it go without a word", () => {
    const found = check(["may", "note"]);
    expect([worthALook(found), mustAgree(found), tellsSomebody(found)]).toEqual([
      true,
      false,
      false,
    ]);
  });
  it("wants a word where it tells who somebody is, once", () => {
    expect(mustAgree(check(["identifies"]))).toBe(true);
    expect(mustAgree(check(["identifies"], { confirmed_at: "2026-01-01T00:00:00Z" }))).toBe(false);
  });
  it("wants one where the project always does", () => {
    const found = check([], { needed: true });
    expect([worthALook(found), mustAgree(found), tellsSomebody(found)]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
