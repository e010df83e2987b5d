// Numbers, dates and names as people read them; every number carries its unit.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return "–";
  let value = Math.abs(n);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${n < 0 ? "−" : ""}${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** 4812 -> "4 812", with a narrow no-break space so that it never wraps. */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A study date ("2024-05-02" or "20240502"), shown as written in ISO form. */
export function studyDate(text: string | null | undefined): string {
  if (!text) return "";
  const compact = /^(\d{4})(\d{2})(\d{2})$/.exec(text);
  if (compact) return `${compact[1]}-${compact[2]}-${compact[3]}`;
  return text.slice(0, 10);
}

/** A DICOM person name, "DOE^JOHN^M" -> "DOE, JOHN M". */
export function personName(text: string): string {
  const [family = "", ...given] = text.split("=")[0]!.split("^");
  const rest = given.filter(Boolean).join(" ");
  return [family, rest].filter(Boolean).join(", ");
}

const sameDay = (a: Date, b: Date): boolean => a.toDateString() === b.toDateString();

/** A moment in the reader's locale; only the time when it was today. */
export function moment(iso: string | null | undefined, now = new Date()): string {
  if (!iso) return "–";
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const time: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
  if (sameDay(date, now)) return date.toLocaleTimeString(undefined, { ...time, second: "2-digit" });
  const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
  if (date.getFullYear() !== now.getFullYear()) day.year = "numeric";
  return date.toLocaleString(undefined, { ...day, ...time });
}

/** A message of the service with its times as people here read them. */
export const withMoments = (message: string): string =>
  message.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (iso) => moment(iso));

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h === 0) return s ? `${m} min ${s} s` : `${m} min`;
  if (h < 48) return m ? `${h} h ${m} min` : `${h} h`;
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

export function secondsBetween(from: string | null, to: string | null, now = Date.now()): number {
  if (!from) return 0;
  return Math.max(0, ((to ? Date.parse(to) : now) - Date.parse(from)) / 1000);
}

/**
 * Cut a name so that it is drawn within `width`: the last `tail` characters stay (extension,
 * number), what goes is before them; a short name loses its end.
 */
export function cutTo(
  text: string,
  tail: number,
  width: number,
  measure: (text: string) => number,
): string {
  // Boxes are measured in whole pixels.
  if (measure(text) <= width + 1) return text;
  const end = text.length - tail < 4 ? "" : text.slice(text.length - tail);
  if (end && measure(`${text.slice(0, 2)}…${end}`) > width)
    return cutTo(text, Math.max(0, tail - 2), width, measure);
  const head = text.slice(0, text.length - end.length);
  let [fits, over] = [0, head.length];
  while (over - fits > 1) {
    const half = (fits + over) >> 1;
    if (measure(`${head.slice(0, half)}…${end}`) <= width) fits = half;
    else over = half;
  }
  return `${head.slice(0, Math.max(1, fits)).trimEnd()}…${end}`;
}

export function mm(values: readonly number[], digits = 1): string {
  return values.map((v) => (v < 0 ? "−" : "") + Math.abs(v).toFixed(digits)).join(" ");
}

export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, Math.max(0, (100 * part) / whole)) : 0;
}
