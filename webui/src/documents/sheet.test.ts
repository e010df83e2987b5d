// Workbooks of this computer read as the service reads them (E-01).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { localSheets } from "./localtable";
import { sheetRows } from "./sheet";

interface Case {
  name: string;
  rows: string[][];
  names: string[];
  data: string;
}
const FILE = join(import.meta.dirname, "../../../tests/vectors/sheets.json");
const CASES = JSON.parse(readFileSync(FILE, "utf8")) as Case[];
const bytesOf = ({ data }: Case): ArrayBuffer =>
  Uint8Array.from(Buffer.from(data, "base64")).buffer;

describe("sheets of this computer", () => {
  it.each(CASES.map((one) => [one.name, one] as const))("E-01 %s", async (_, one) => {
    const { names, rows } = await sheetRows(bytesOf(one));
    expect(names).toEqual(one.names);
    expect(rows).toEqual(one.rows);
  });

  it("are tables whose first row names the columns", async () => {
    const page = await localSheets(Promise.resolve(bytesOf(CASES[0]!)))({});
    expect(page.columns.map(({ name, kind }) => [name, kind])).toEqual([
      ["subject", "text"],
      ["age", "number"],
      ["column3", "truth"],
      ["sum", "number"],
      ["column5", "number"],
      ["column6", "number"],
    ]);
    expect(page.rows[0]).toEqual([1, "in parts", 41.5, null, 83, null, null]);
    expect(page.sheets).toEqual(CASES[0]!.names);
  });

  it("are chosen one by one", async () => {
    const source = localSheets(Promise.resolve(bytesOf(CASES[0]!)));
    expect(CASES[0]!.names.length).toBeGreaterThan(1);
    const [first, second] = [await source({}), await source({ sheet: 1 })];
    expect(second.sheets).toEqual(first.sheets);
    expect(second.columns).not.toEqual(first.columns);
  });

  it.each([0, 10, 200, 700])("say that they are damaged: %s bytes", async (n) => {
    const cut = bytesOf(CASES[0]!).slice(0, n);
    await expect(sheetRows(cut)).rejects.toThrow("not a readable spreadsheet");
  });

  it("say so when a part of them is damaged", async () => {
    const bytes = new Uint8Array(bytesOf(CASES[0]!));
    bytes.fill(7, 400, 900);
    await expect(sheetRows(bytes.buffer)).rejects.toThrow();
  });
});
