import { describe, expect, it } from "vitest";
import {
  addressOf,
  isFiltered,
  nextSort,
  readFilters,
  readSelection,
  tagFilter,
  toQuery,
  writeSelection,
} from "./query";

const filters = (text: string) => readFilters(new URLSearchParams(text));

describe("filters in the address", () => {
  it("PROJ-10 PROJ-11 become the questions of the service", () => {
    const query = toQuery(filters("name=A+B&files=t1*%2Fs0*.nii+%26+STAG:control&sort=pid"));
    expect(query).toEqual({
      name: "A B",
      files: "t1*/s0*.nii & STAG:control",
      tags: "",
      sort: "pid",
    });
  });
  it("have sensible defaults, also for rubbish", () => {
    expect(filters("level=nonsense").level).toBe("studies");
    expect(filters("").sort).toBe("-date");
    expect(filters("level=subjects").sort).toBe("pid");
    expect(isFiltered(filters(""))).toBe(false);
  });
  it("ask files only for what files know", () => {
    expect(toQuery(filters("level=files&name=x&files=a*"))).toEqual({ files: "a*", sort: "path" });
  });
});

it("PROJ-17 a tag asks study and subject, exactly", () => {
  expect(tagFilter(["control"])).toBe('STAG:="control" PTAG:="control"');
  expect(tagFilter(['a"b', "c_d"])).toBe(
    'STAG:="a""b" PTAG:="a""b" STAG:="c\\_d" PTAG:="c\\_d"',
  );
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
