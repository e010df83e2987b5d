import { describe, expect, it } from "vitest";
import { exportRequest } from "./exporting";
import {
  activeFilters,
  addressOf,
  asAttribute,
  isFiltered,
  nextSort,
  ownBars,
  readFilters,
  rowsAsked,
  readSelection,
  tagFilter,
  toQuery,
  viewPatch,
  viewState,
  writeSelection,
} from "./query";

const filters = (text: string) => readFilters(new URLSearchParams(text));

describe("filters in the address", () => {
  it("PROJ-10 PROJ-11 become the questions of the service", () => {
    const query = toQuery(filters("name=A+B&files=t1*%2Fs0*.nii+%26+STAG:control&sort=pid"));
    expect(query).toEqual({
      name: "A B",
      files: "t1*/s0*.nii & STAG:control",
      description: "",
      jobs: "",
      date_from: "",
      date_to: "",
      tags: "",
      fields: "",
      sort: "pid",
    });
  });
  it("have sensible defaults, also for rubbish", () => {
    expect(filters("level=nonsense").level).toBe("studies");
    expect(filters("").sort).toBe("-date");
    expect(filters("level=subjects").sort).toBe("pid");
    expect(isFiltered(filters(""))).toBe(false);
  });
  it("are asked of files as attributes of their study", () => {
    const asked = toQuery(filters("level=files&name=A+!B&files=a*+b*&desc=head&kind=mask"));
    expect(asked).toEqual({
      files: "(a* b*) & (PID:A !PID:B) & (SDESC:head)",
      kind: "mask",
      date_from: "",
      date_to: "",
      sort: "path",
    });
    expect(toQuery(filters("level=files&files=a*&from=2024-01-01"))).toMatchObject({
      files: "a*",
      kind: "",
      date_from: "2024-01-01",
    });
  });
  it("PROJ-18 ask for jobs and dates of studies", () => {
    const asked = toQuery(filters("jobs=ex&from=2024-01-01&to=2024-12-31"));
    expect([asked["jobs"], asked["date_from"], asked["date_to"]]).toEqual([
      "JOB:e",
      "2024-01-01",
      "2024-12-31",
    ]);
  });
  it("PROJ-06 ask subjects through their studies", () => {
    expect(toQuery(filters("level=subjects&desc=head&jobs=qe"))).toMatchObject({
      name: "",
      tags: "(SDESC:head) & (JOB:q JOB:e)",
    });
  });
  it("PROJ-x04 the results of the project are those of one subject", () => {
    expect(toQuery(filters("level=analysis&name=x"))["name"]).toBe('PID:="ANALYSIS"');
  });
  it("PROJ-06 ask for the project's own fields when one of them is a column", () => {
    const asked = (text: string): unknown => toQuery(filters(text))["fields"];
    expect(asked("cols=field:score")).toBe("*");
    expect(asked("level=subjects&cols=field:score,tag:a")).toBe("*");
    expect(asked("cols=tag:a,meta:b")).toBe("");
    expect(rowsAsked(filters("cols=tag:a"))).toBe(rowsAsked(filters("cols=meta:b")));
    expect(rowsAsked(filters("cols=tag:a"))).not.toBe(rowsAsked(filters("cols=field:b")));
  });
  it("count only where the tab knows them", () => {
    expect(activeFilters(filters("level=subjects&kind=mask&name=A"))).toEqual(["name"]);
    expect(Object.keys(ownBars(filters("name=A&files=b&desc=+")))).toEqual(["name", "files"]);
  });
});

describe("bare words as attributes", () => {
  it.each([
    ["A B", "PID:A PID:B"],
    ['!"b c" & (d e)', '!PID:"b c" & (PID:d PID:e)'],
    ["STAG:x A", "STAG:x PID:A"],
    ['"a""b"', 'PID:"a""b"'],
    ["S-1#2024", "(PID:S-1 & SID:2024)"],
    ["", ""],
  ])("%s", (text, asked) => {
    expect(asAttribute(text, "PID")).toBe(asked);
  });
});

describe("saved views", () => {
  it("hold filters, order and columns, not the project or checks", () => {
    const params = new URLSearchParams("project=p&sel=a&files=t1*&cols=tag:x,meta:a%252Cb");
    const saved = viewState(params);
    expect(saved).toEqual({ files: "t1*", cols: "tag:x,meta:a%2Cb" });
    expect(filters(`cols=${encodeURIComponent(saved["cols"] ?? "")}`).columns).toEqual([
      "tag:x",
      "meta:a,b",
    ]);
    expect(viewPatch(saved)).toMatchObject({ files: "t1*", name: null, level: null });
  });
  it("that somebody has damaged open as no filters", () => {
    expect(viewPatch(null)).toMatchObject({ files: null });
    expect(viewPatch({ files: 3 })).toMatchObject({ files: null });
  });
});

it("PROJ-x01 a CSV asks for what the table shows", () => {
  const shown = filters("level=files&files=a*&desc=head&cols=tag:x");
  const asked = exportRequest(shown, { form: "tree", separator: "comma", ids: [] });
  expect(asked).toMatchObject({
    level: "files",
    files: "a*",
    description: "head",
    date_from: null,
  });
  expect(asked.columns?.slice(-1)).toEqual(["tag:x"]);
});

it("PROJ-17 a tag asks study and subject, exactly", () => {
  expect(tagFilter(["control"])).toBe('STAG:="control" PTAG:="control"');
  expect(tagFilter(['a"b', "c_d"])).toBe('STAG:="a""b" PTAG:="a""b" STAG:="c\\_d" PTAG:="c\\_d"');
});

it("a second click on a column turns the order round", () => {
  expect(nextSort("pid", "pid")).toBe("-pid");
  expect(nextSort("-pid", "pid")).toBe("pid");
  expect(nextSort("date", "pid")).toBe("pid");
});

it("GRID-08 an address leads to one study, checked", () => {
  const params = new URL(addressOf("p", "S-1#2024"), "http://x").searchParams;
  expect([params.get("name"), params.get("level")]).toEqual(["S-1", "studies"]);
  expect(readSelection(params.get("sel"))).toEqual(["S-1#2024"]);
});

it("a selection survives the way through the address", () => {
  const names = ["S-0001#2024-05-02", "with,comma#x", "ä/ö#1", "50%2C#1"];
  expect(readSelection(writeSelection(names))).toEqual(names);
  expect(writeSelection([])).toBeNull();
  expect(writeSelection(Array.from({ length: 61 }, (_, i) => String(i)))).toBeNull();
});
