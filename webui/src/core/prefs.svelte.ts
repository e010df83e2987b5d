// What this browser remembers: sizes, theme, habits. Nothing here concerns data.

const STORE = "nora.prefs";

const defaults = {
  theme: "dark" as "dark" | "light" | "system",
  tableWidth: 330,
  tableMode: "side" as "side" | "full" | "hidden",
  dockWidth: 300,
  dockTool: "",
  project: "",
  /** The archive that was searched last, for each project. */
  archives: {} as Record<string, string>,
  showFinishedJobs: false,
  screenNotes: false,
  linkViewports: true,
  radiological: true,
  jobDetailWidth: 520,
  jobColumns: [] as string[],
  batchWidth: 450,
  metaKeysWidth: 280,
  lastSql: "",
  table: {
    level: "studies" as "subjects" | "studies" | "files",
    sort: "-date",
    thumbnails: false,
    expandFirst: false,
    matchingOnly: false,
    single: false,
    quickTags: "mask, atlas",
    moreFilters: false,
  },
};

export type Prefs = typeof defaults;

function load(): Prefs {
  try {
    const stored = JSON.parse(localStorage.getItem(STORE) ?? "{}") as Partial<Prefs>;
    return { ...defaults, ...stored, table: { ...defaults.table, ...stored.table } };
  } catch {
    return { ...defaults };
  }
}

export const prefs: Prefs = $state(load());

/** Remember a preference; a browser that refuses storage only forgets it on reload. */
export function remember<K extends keyof Prefs>(name: K, value: Prefs[K]): void {
  prefs[name] = value;
  try {
    localStorage.setItem(STORE, JSON.stringify(prefs));
  } catch {
    // private mode or storage full: the value holds for this page
  }
}

export function applyTheme(): void {
  const light =
    prefs.theme === "light" ||
    (prefs.theme === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset["theme"] = light ? "light" : "dark";
}
