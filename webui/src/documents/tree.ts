// A JSON value as lines of a tree: which are in sight, and which hold a word.

export type Path = string;

export interface Line {
  path: Path;
  depth: number;
  key: string;
  value: unknown;
  /** Number of entries; null for a plain value. */
  size: number | null;
  open: boolean;
  /** Entries that are not listed. */
  rest: number;
}

/** Entries of one list or object that are listed before somebody asks for more. */
export const STEP = 200;

const children = (value: unknown): [string, unknown][] =>
  Array.isArray(value)
    ? value.map((one, i): [string, unknown] => [String(i), one])
    : Object.entries(value as Record<string, unknown>);

export const isBranch = (value: unknown): boolean => typeof value === "object" && value !== null;

const under = (path: Path, key: string): Path =>
  `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** Lines in sight; `more` holds how many entries of a branch are listed. */
export function linesOf(
  value: unknown,
  open: ReadonlySet<Path>,
  more: ReadonlyMap<Path, number> = new Map(),
): Line[] {
  const out: Line[] = [];
  const visit = (key: string, one: unknown, path: Path, depth: number): void => {
    if (!isBranch(one)) {
      out.push({ path, depth, key, value: one, size: null, open: false, rest: 0 });
      return;
    }
    const entries = children(one);
    const isOpen = open.has(path);
    const listed = isOpen ? entries.slice(0, more.get(path) ?? STEP) : [];
    const rest = isOpen ? entries.length - listed.length : 0;
    out.push({ path, depth, key, value: one, size: entries.length, open: isOpen, rest });
    for (const [name, inner] of listed) visit(name, inner, under(path, name), depth + 1);
  };
  visit("", value, "", 0);
  return out;
}

/** All branches, to a number of entries in all. */
export function allOpen(value: unknown, limit = 20_000): Set<Path> {
  const open = new Set<Path>();
  let n = 0;
  const visit = (one: unknown, path: Path): void => {
    if (!isBranch(one) || n > limit) return;
    open.add(path);
    for (const [key, inner] of children(one)) {
      n++;
      visit(inner, under(path, key));
    }
  };
  visit(value, "");
  return open;
}

/** Branches on the way to keys and values that hold a word, and how many there are. */
export function search(value: unknown, word: string, limit = 1000): { open: Set<Path>; n: number } {
  const open = new Set<Path>([""]);
  const wanted = word.trim().toLowerCase();
  let n = 0;
  const holds = (text: string): boolean => text.toLowerCase().includes(wanted);
  const visit = (key: string, one: unknown, path: Path, way: readonly Path[]): void => {
    if (n >= limit) return;
    if (holds(key) || (!isBranch(one) && holds(String(one)))) {
      n++;
      for (const step of way) open.add(step);
    }
    if (isBranch(one))
      for (const [name, inner] of children(one))
        visit(name, inner, under(path, name), [...way, path]);
  };
  if (wanted) visit("", value, "", []);
  return { open, n };
}
