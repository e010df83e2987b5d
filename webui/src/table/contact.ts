// The contact sheet: which studies it shows, and the state of its cut in the address.
import { api } from "../core/api";
import { inProject, session } from "../core/session.svelte";
import type { Items, Page, Schema, StudyRow } from "../core/types";
import { listingOf, toQuery, type Filters } from "./query";
import type { selection } from "./selection.svelte";

export type Tile = Schema["ContactTile"];
export const PLANES = ["axial", "coronal", "sagittal"] as const;
export type Plane = (typeof PLANES)[number];
export const SIZES = [128, 192, 256] as const;

export interface Cut {
  plane: Plane;
  /** Percent from the left, back or lowest slice. */
  at: number;
  size: number;
  pattern: string;
}

export function readCut(params: URLSearchParams): Cut {
  const plane = PLANES.find((one) => one === params.get("plane")) ?? "axial";
  const at = Number(params.get("at") ?? 50);
  const size = SIZES.find((one) => one === Number(params.get("size"))) ?? 192;
  return {
    plane,
    at: Number.isFinite(at) ? Math.min(100, Math.max(0, at)) : 50,
    size,
    pattern: params.get("image") ?? "",
  };
}

/** Address of the picture of a tile. */
export function sliceUrl(tile: Tile, cut: Cut): string | null {
  if (!tile.url) return null;
  return `${tile.url}?plane=${cut.plane}&position=${cut.at}&size=${cut.size}`;
}

/** What lies at the left edge and at the top of each plane, in radiological convention. */
export const LETTERS: Record<Plane, { left: string; top: string }> = {
  axial: { left: "R", top: "A" },
  coronal: { left: "R", top: "S" },
  sagittal: { left: "A", top: "S" },
};

/** Without anything checked: this many of what the table shows. */
export const SOME = 200;
const CHUNK = 100;

type Checked = Pick<typeof selection, "studies" | "subjects">;

const listed = async (query: Record<string, string | number>): Promise<StudyRow[]> =>
  (await api.get<Page<StudyRow>>(inProject("studies"), query)).items;

async function named(psid: string): Promise<StudyRow[]> {
  const [pid = ""] = psid.split("#");
  const found = await listed({ name: `PID:"${pid.replaceAll('"', '""')}"`, limit: 1000 });
  return found.filter((study) => study.psid === psid);
}

/** The checked studies and those of checked subjects; else the first ones of the table. */
export async function studiesOf(checked: Checked, filters: Filters): Promise<StudyRow[]> {
  if (checked.studies.size + checked.subjects.size === 0) {
    const level = listingOf(filters.level) === "studies" ? filters.level : "studies";
    const sort = level === filters.level ? filters.sort : "-date";
    const query = toQuery({ ...filters, level, sort });
    return (await api.get<Page<StudyRow>>(inProject("studies"), { ...query, limit: SOME })).items;
  }
  const parts = await Promise.all([
    ...[...checked.studies].map(([psid, row]) => (row ? [row] : named(psid))),
    ...[...checked.subjects].map(([pid, row]) =>
      row
        ? listed({ subject_id: row.id, sort: "date", limit: 1000 })
        : listed({ name: `PID:"${pid}"`, limit: 1000 }),
    ),
  ]);
  const unique = new Map(parts.flat().map((study) => [study.id, study]));
  return [...unique.values()];
}

/** Choose the image of each study, some studies at a time. */
export async function* tilesOf(
  studies: readonly StudyRow[],
  pattern: string,
): AsyncGenerator<Tile[]> {
  for (let i = 0; i < studies.length; i += CHUNK) {
    const ids = studies.slice(i, i + CHUNK).map((study) => study.id);
    const body = { project: session.project, studies: ids, pattern };
    yield (await api.post<Items<Tile>>("/contact", body)).items;
  }
}
