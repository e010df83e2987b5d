import { describe, expect, it } from "vitest";
import { documentKind } from "./kinds";
import { cellsOf, fits, localTable, separatorOf } from "./localtable";

const CSV = 'name;age;note\n"Doe; J";41;"said ""no"""\nRoe;n/a;\nPoe;7;x\n';

describe("a table of this computer", () => {
  it("reads quotes, separators and blanks", async () => {
    expect(separatorOf(CSV, "x.csv")).toBe(";");
    expect(cellsOf('a,"b\nc"\r\n', ",")).toEqual([["a", "b\nc"]]);
    const page = await localTable(CSV, "x.csv")({});
    expect(page.columns.map((one) => one.kind)).toEqual(["text", "number", "text"]);
    expect(page.rows).toEqual([
      [1, "Doe; J", 41, 'said "no"'],
      [2, "Roe", null, null],
      [3, "Poe", 7, "x"],
    ]);
  });

  it("sorts with blanks last, filters and takes columns", async () => {
    const table = localTable(CSV, "x.csv");
    const names = async (wish: object) =>
      (await table({ ...wish, columns: [0] })).rows.map((row) => row[1]);
    expect(await names({ sort: "1" })).toEqual(["Poe", "Doe; J", "Roe"]);
    expect(await names({ sort: "-1" })).toEqual(["Doe; J", "Poe", "Roe"]);
    expect(await names({ where: ["1:>10"] })).toEqual(["Doe; J"]);
    expect(await names({ where: ["1:empty"] })).toEqual(["Roe"]);
    expect(await names({ find: "oe 7" })).toEqual(["Poe"]);
    expect(await names({ offset: 1, limit: 1 })).toEqual(["Roe"]);
  });

  it("understands the conditions of filters", () => {
    expect(fits(5, "2..5", true)).toBe(true);
    expect(fits(5, "!=5", true)).toBe(false);
    expect(fits(50, "5", true)).toBe(false);
    expect(fits("50", "5", false)).toBe(true);
    expect(fits("Left", "=left", false)).toBe(true);
    expect(fits(null, "x", false)).toBe(false);
  });
});

describe("the kind of a document", () => {
  it("is told by the name; markers are shown by their tool", () => {
    expect(documentKind("a.TSV")).toBe("table");
    expect(documentKind("scan.tiff")).toBe("picture");
    expect(documentKind("x.ano.json")).toBeNull();
    expect(documentKind("x.fcsv")).toBeNull();
    expect(documentKind("x.json")).toBe("json");
    expect(documentKind("t1.nii.gz")).toBeNull();
  });
});
