import { describe, expect, it } from "vitest";
import { bytes, count, duration, cutTo, moment, percent } from "./format";
import { personName, studyDate, withMoments } from "./format";

describe("bytes", () => {
  it("carries a unit at every size", () => {
    const sizes = [0, 999, 1000, 88_000, 14_700_000, 212_000_000, 1_999_000_000_000];
    expect(sizes.map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "88.0 kB",
      "14.7 MB",
      "212 MB",
      "2.0 TB",
    ]);
  });
  it("never rounds up to 1000 of a unit", () => {
    expect(bytes(999_950)).toBe("1.0 MB");
  });
  it("says nothing for what is not known", () => {
    expect(bytes(null)).toBe("–");
  });
});

describe("names", () => {
  const measure = (text: string): number => 10 * text.length;
  it("are cut in the middle as far as they must, and keep their end", () => {
    const cut = cutTo("a_very_long_protocol_name_17/s001.nii", 9, 200, measure);
    expect(cut).toBe("a_very_lon…/s001.nii");
    expect(measure(cut)).toBe(200);
    expect(cutTo("a_very_long_protocol_name_17/s001.nii", 9, 90, measure)).toBe("a_v…1.nii");
  });
  it("lose their end when they are short, and nothing when they fit", () => {
    expect(cutTo("s001.nii", 10, 50, measure)).toBe("s001…");
    expect(cutTo("s001.nii", 10, 79, measure)).toBe("s001.nii");
  });
  it("show no space before the cut", () => {
    expect(cutTo("head of a volume", 6, 120, measure)).toBe("head…volume");
  });
});

describe("times", () => {
  it("read as people say them", () => {
    expect([0.25, 9.96, 61, 3600, 3725, 200_000].map(duration)).toEqual([
      "0.3 s",
      "10.0 s",
      "1 min 1 s",
      "1 h",
      "1 h 2 min",
      "2 d 7 h",
    ]);
  });
  it("of a study stay ISO dates", () => {
    expect(studyDate("20240502")).toBe("2024-05-02");
    expect(studyDate("2024-05-02")).toBe("2024-05-02");
    expect(studyDate(null)).toBe("");
  });
  it("in messages of the service are as everywhere else", () => {
    const iso = "2020-03-04T10:00:00.413Z";
    expect(withMoments(`made at ${iso}, again at ${iso}`)).toBe(
      `made at ${moment(iso)}, again at ${moment(iso)}`,
    );
  });
  it("of another year name the year", () => {
    expect(moment("2020-03-04T10:00:00.000Z", new Date("2026-01-01"))).toContain("2020");
  });
  it("that do not parse are shown as they are", () => {
    expect(moment("yesterday")).toBe("yesterday");
  });
});

it("counts group by thousands", () => {
  expect(count(1204567)).toBe("1\u202f204\u202f567");
});

it("percent stays within the bar", () => {
  expect([percent(1, 0), percent(5, 4), percent(1, 4)]).toEqual([0, 100, 25]);
});

describe("personName", () => {
  it("reads as people write it", () => {
    expect(personName("DOE^JOHN^M")).toBe("DOE, JOHN M");
    expect(personName("DOE")).toBe("DOE");
    expect(personName("Yamada^Tarou=山田^太郎")).toBe("Yamada, Tarou");
    expect(personName("")).toBe("");
  });
});
