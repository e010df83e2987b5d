import { describe, expect, it } from "vitest";
import {
  changesOf,
  entityText,
  fillTemplate,
  nameOf,
  readEntities,
  sizeOf,
  sizeText,
  withRule,
} from "./projects";

describe("sizes", () => {
  it.each([
    ["500 GB", 5e11],
    ["1,5tb", 1.5e12],
    ["20 MiB", 2e7],
    ["7", 7],
    ["", null],
    ["  ", null],
    ["much", undefined],
    ["-5 GB", undefined],
  ])("reads %j", (text, size) => expect(sizeOf(text)).toBe(size));

  it("writes what it reads", () => {
    for (const size of [5e11, 1.5e12, 2e7, 7, 1000]) expect(sizeOf(sizeText(size))).toBe(size);
    expect(sizeText(null)).toBe("");
  });
});

describe("entities", () => {
  it("reads what it writes", () => {
    const entities = { task: "rest", acq: "sag" };
    expect(entityText(entities)).toBe("task-rest acq-sag");
    expect(readEntities("task-rest, acq-sag")).toEqual(entities);
    expect(readEntities("")).toEqual({});
  });
  it.each(["task", "task-", "Task-rest", "task-a-b", "acq-ä"])("refuses %j", (text) =>
    expect(readEntities(text)).toBeNull(),
  );
});

describe("templates", () => {
  it("fills numbers as Python does", () => {
    expect(fillTemplate("S-{n:04d}", { n: 7 })).toBe("S-0007");
    expect(fillTemplate("{n}-{date}", { n: 7, date: "2024-05-02" })).toBe("7-2024-05-02");
    expect(fillTemplate("{unknown}", {})).toBe("{unknown}");
  });
});

describe("names", () => {
  it.each([
    ["/data/my trial/", "my_trial"],
    ["/data/.Öffnung-", "O_ffnung"],
    ["/", ""],
  ])("makes one of %j", (folder, name) => expect(nameOf(folder)).toBe(name));
});

describe("changes", () => {
  it("tells only what differs", () => {
    expect(changesOf({ a: 1, b: [1] }, { a: 1, b: [2], c: null })).toEqual({ b: [2], c: null });
  });
  it("replaces the rule of the same group", () => {
    const rule = { source: "t1", include: true, datatype: "anat", suffix: "T1w", entities: {} };
    const other = { ...rule, source: "t2" };
    const left = withRule([rule, other], { ...rule, include: false });
    expect(left).toHaveLength(2);
    expect(left.find((one) => one.source === "t1")?.include).toBe(false);
  });
});
