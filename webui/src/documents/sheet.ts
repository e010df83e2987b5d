// Rows of a sheet of a workbook (.xlsx) of this computer; formulas never run.

const DATES = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36]);
for (const id of [45, 46, 47, 50, 51, 52, 53, 54, 55, 56, 57, 58]) DATES.add(id);
/** Parts that hold more are not read in the page. */
const MOST_BYTES = 256e6;
const MOST_COLUMNS = 16384;
const FIRST_DAY = Date.UTC(1899, 11, 30);
const FIRST_DAY_1904 = Date.UTC(1904, 0, 1);

export class SheetError extends Error {}

const damaged = (): SheetError =>
  new SheetError("This is not a readable spreadsheet: it may be cut, or protected by a password.");

/** Parts of an archive by their names, unpacked when they are asked for. */
class Parts {
  private readonly places = new Map<string, { at: number; packed: number; method: number }>();
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array<ArrayBuffer>) {
    this.view = new DataView(bytes.buffer);
    let end = bytes.length - 22;
    while (end >= 0 && this.view.getUint32(end, true) !== 0x06054b50) end--;
    if (end < 0) throw damaged();
    let at = this.view.getUint32(end + 16, true);
    for (let n = this.view.getUint16(end + 10, true); n > 0; n--) at = this.entry(at);
  }

  private entry(at: number): number {
    const { view } = this;
    if (view.getUint32(at, true) !== 0x02014b50) throw damaged();
    const [name, extra, comment] = [28, 30, 32].map((i) => view.getUint16(at + i, true));
    const text = new TextDecoder().decode(this.bytes.subarray(at + 46, at + 46 + name!));
    this.places.set(text, {
      at: view.getUint32(at + 42, true),
      packed: view.getUint32(at + 20, true),
      method: view.getUint16(at + 10, true),
    });
    return at + 46 + name! + extra! + comment!;
  }

  has(name: string): boolean {
    return this.places.has(name);
  }

  async xml(name: string): Promise<Document> {
    const place = this.places.get(name);
    if (!place) throw damaged();
    const { at, packed, method } = place;
    const from = at + 30 + this.view.getUint16(at + 26, true) + this.view.getUint16(at + 28, true);
    const data = this.bytes.subarray(from, from + packed);
    const text = new TextDecoder().decode(method === 8 ? await inflated(data) : data);
    if (text.slice(0, 4096).includes("<!DOCTYPE")) throw damaged();
    const page = new DOMParser().parseFromString(text, "text/xml");
    if (page.querySelector("parsererror")) throw damaged();
    return page;
  }
}

async function inflated(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const pipe = new DecompressionStream("deflate-raw");
  const writer = pipe.writable.getWriter();
  // What goes wrong is told to the reader, too.
  writer
    .write(data)
    .then(() => writer.close(), ignore)
    .catch(ignore);
  const reader = pipe.readable.getReader();
  const parts: Uint8Array[] = [];
  let n = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    n += value.length;
    if (n > MOST_BYTES) throw new SheetError("The sheet is too large for the page: upload it.");
  }
  const out = new Uint8Array(n);
  for (let i = 0, at = 0; i < parts.length; at += parts[i++]!.length) out.set(parts[i]!, at);
  return out;
}

const ignore = (): void => undefined;

const all = (page: Document | Element, name: string): Element[] => [
  ...page.getElementsByTagNameNS("*", name),
];

/** A text without how it is pronounced. */
const textOf = (element: Element): string =>
  all(element, "t")
    .filter((one) => one.parentElement?.localName !== "rPh")
    .map((one) => one.textContent)
    .join("");

interface Sheet {
  name: string;
  place: string;
}

async function sheetsOf(parts: Parts, book: Document): Promise<Sheet[]> {
  const links = await parts.xml("xl/_rels/workbook.xml.rels");
  const targets = new Map(
    all(links, "Relationship")
      .filter((one) => one.getAttribute("Type")?.endsWith("/worksheet"))
      .map((one) => [one.getAttribute("Id"), one.getAttribute("Target") ?? ""]),
  );
  return all(book, "sheet").flatMap((one) => {
    const id = [...one.attributes].find(({ localName }) => localName === "id")?.value ?? "";
    const target = targets.get(id);
    if (!target || (one.getAttribute("state") ?? "visible") !== "visible") return [];
    const place = target.startsWith("/") ? target.slice(1) : `xl/${target}`;
    return [{ name: one.getAttribute("name") ?? "", place }];
  });
}

/** Whether a format shows a number as a date or time. */
const isDate = (code: string): boolean =>
  /[ymdhs]/i.test(code.split(";", 1)[0]!.replace(/"[^"]*"|\[[^\]]*\]|\\./g, ""));

async function dateStyles(parts: Parts): Promise<Set<number>> {
  if (!parts.has("xl/styles.xml")) return new Set();
  const page = await parts.xml("xl/styles.xml");
  const number = (one: Element): number => Number(one.getAttribute("numFmtId"));
  const own = new Map(
    all(page, "numFmt").map((one) => [number(one), isDate(one.getAttribute("formatCode") ?? "")]),
  );
  const styles = all(page, "cellXfs").flatMap((one) => [...one.children].map(number));
  return new Set([...styles.keys()].filter((at) => own.get(styles[at]!) ?? DATES.has(styles[at]!)));
}

/** A day, or a day with its time; numbers below one are times of no day. */
function dateOf(days: number, first: number): string {
  const at = new Date(first + Math.round(days * 86400) * 1000);
  if (Number.isNaN(at.getTime())) return String(days);
  const [day, time] = [at.toISOString().slice(0, 10), at.toISOString().slice(11, 19)];
  if (days >= 0 && days < 1) return time;
  return days % 1 ? `${day} ${time}` : day;
}

/** As a spreadsheet shows it: files hold doubles in full, 1.1 as 1.1000000000000001. */
const numberOf = (value: string): string =>
  value.length > 16 && !/e/i.test(value) ? String(Number(Number(value).toPrecision(15))) : value;

const columnOf = (place: string): number =>
  [...place.replace(/\d+$/, "")].reduce((n, letter) => 26 * n + letter.charCodeAt(0) - 64, 0) - 1;

export interface SheetRows {
  names: string[];
  rows: string[][];
}

/** Rows that hold something, from left to right, as text. */
export async function sheetRows(file: ArrayBuffer, sheet = 0): Promise<SheetRows> {
  try {
    return await read(new Parts(new Uint8Array(file)), sheet);
  } catch (error) {
    throw error instanceof SheetError ? error : damaged();
  }
}

async function read(parts: Parts, sheet: number): Promise<SheetRows> {
  const book = await parts.xml("xl/workbook.xml");
  const sheets = await sheetsOf(parts, book);
  if (!sheets.length) throw new SheetError("The workbook has no sheet that can be seen.");
  const shared = "xl/sharedStrings.xml";
  const texts = parts.has(shared) ? all(await parts.xml(shared), "si").map(textOf) : [];
  const dates = await dateStyles(parts);
  const late = /^(1|true)$/.test(all(book, "workbookPr")[0]?.getAttribute("date1904") ?? "");
  const first = late ? FIRST_DAY_1904 : FIRST_DAY;

  function valueOf(cell: Element): string {
    const kind = cell.getAttribute("t") ?? "n";
    if (kind === "inlineStr") return textOf(cell);
    const value = all(cell, "v")[0]?.textContent ?? "";
    if (kind === "b") return value === "1" ? "true" : "false";
    if (kind === "e") return "";
    if (kind === "s") {
      const text = texts[Number(value)];
      if (value && text === undefined) throw damaged();
      return text ?? "";
    }
    const dated = kind === "n" && value && dates.has(Number(cell.getAttribute("s") ?? 0));
    if (dated) return dateOf(Number(value), first);
    return kind === "n" ? numberOf(value) : value;
  }
  function rowOf(element: Element): string[] {
    const row: string[] = [];
    for (const cell of element.children) {
      const place = cell.getAttribute("r");
      const at = place ? columnOf(place) : row.length;
      if (at < row.length || at >= MOST_COLUMNS) continue;
      while (row.length < at) row.push("");
      row.push(valueOf(cell));
    }
    while (row.length && !row.at(-1)) row.pop();
    return row;
  }
  const rows = all(await parts.xml(sheets[sheet]!.place), "row").map(rowOf);
  return { names: sheets.map(({ name }) => name), rows: rows.filter((row) => row.length) };
}
