// Rules that lead arrivals to projects, as the page works with them.
import { t } from "../core/strings";
import type { Schema } from "../core/types";

export type Condition = Required<Schema["Condition"]>;
export type Route = Omit<Required<Schema["Route"]>, "when"> & { when: Condition[] };
export type RouteTable = Omit<Schema["RouteTable"], "routes"> & { routes: Route[] };
export type TriedRow = Schema["RouteTriedRow"];
export type ForwardRow = Schema["ForwardRow"];

export const OPS: Condition["op"][] = [
  "is",
  "is_not",
  "contains",
  "like",
  "regex",
  "less",
  "more",
  "within",
];
export const DOORS: Route["doors"] = ["dicom", "drop", "upload", "cli"];

/** Fields that people ask for most; any other DICOM keyword can be typed. */
export const COMMON_FIELDS = [
  "StationName",
  "Modality",
  "StudyDescription",
  "SeriesDescription",
  "ProtocolName",
  "InstitutionName",
  "ReferringPhysicianName",
  "ManufacturerModelName",
  "MagneticFieldStrength",
  "ImageType",
  "PatientID",
];

/** A rule as it is before anybody has changed it. */
export const freshRoute = (name: string): Route => ({
  name,
  when: [],
  doors: ["dicom", "drop"],
  project: "",
  tags: [],
  series_folder: "",
  fire: [],
  forward: [],
  enabled: true,
});

/** Words with commas between, as a list without empty ones. */
export const words = (text: string): string[] =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

/** The list with one entry moved by so many places; the same where it cannot move. */
export function moved<T>(list: readonly T[], at: number, by: number): T[] {
  const to = at + by;
  const copy = [...list];
  const one = copy[at];
  if (one === undefined || to < 0 || to >= copy.length) return copy;
  copy.splice(at, 1);
  copy.splice(to, 0, one);
  return copy;
}

/** What a rule takes, in one line. */
export const takes = (route: Route): string =>
  route.when
    .map((one) => `${one.field} ${t(`route_op_${one.op}`)} ${one.value}`.trim())
    .join(" · ") || t("routes_always");

/** What is done with what a rule takes. */
export function does(route: Route): string[] {
  const list = (all: readonly string[]): string => all.join(", ");
  return [
    route.project ? t("routes_to", { project: route.project }) : t("routes_stays"),
    ...(route.tags.length ? [t("routes_tagged", { tags: list(route.tags) })] : []),
    ...(route.series_folder ? [t("routes_named", { template: route.series_folder })] : []),
    ...(route.fire.length ? [t("routes_fires", { rules: list(route.fire) })] : []),
    ...(route.forward.length ? [t("routes_sent", { nodes: list(route.forward) })] : []),
  ];
}

/** Why a rule before the one that fits did not take a series. */
export function missed(one: TriedRow["missed"][number]): string {
  const known: Record<string, string> = { off: t("trial_off"), door: t("trial_door") };
  return t("trial_missed", { rule: one.rule, field: known[one.field] ?? one.field });
}
