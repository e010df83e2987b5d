// Templates of a set: named points that are waiting to be placed, with colour and size.
import type { Point, SetData } from "./model";
import { COLOURS, patchPoint, place, withPoint } from "./model";
import type { Vec3 } from "./vectors";

/** As NORA's panels and autoloaders write it. */
export interface Template {
  color?: string;
  radius?: number;
  viewport?: number;
}

export interface Waiting {
  name: string;
  color: string;
  /** Radius in mm; undefined: as the set says. */
  radius: number | undefined;
  /** The point that it has become. */
  point: Point | undefined;
}

const COLOUR = /^#[0-9a-f]{6}$/i;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Kinds whose points stand for themselves. */
export const takesTemplates = ({ type }: SetData): boolean =>
  ["pointset", "circles", "pointROI"].includes(type);

/** The templates of a set in their order, whatever a file says of them. */
export function templatesOf(set: SetData): Waiting[] {
  const told = set["templates"];
  if (!isObject(told) || !takesTemplates(set)) return [];
  return Object.entries(told).map(([name, one], n) => {
    const { color, radius } = isObject(one) ? one : {};
    const size = Number(radius);
    return {
      name,
      color: typeof color === "string" && COLOUR.test(color) ? color : COLOURS[n % COLOURS.length]!,
      radius: size > 0 ? size : undefined,
      point: set.points.find((point) => point.name === name),
    };
  });
}

/** The first that is not placed yet, from another one on. */
export function nextTemplate(set: SetData, after: string): string | null {
  const all = templatesOf(set);
  const at = all.findIndex(({ name }) => name === after);
  const order = [...all.slice(at + 1), ...all.slice(0, at + 1)];
  return order.find(({ point }) => !point)?.name ?? null;
}

/** A template becomes a point; one that is a point already goes there. */
export function withTemplate(
  set: SetData,
  name: string,
  mm: Vec3,
): { set: SetData; id: string } | null {
  const one = templatesOf(set).find((template) => template.name === name);
  if (!one) return null;
  if (one.point)
    return { set: patchPoint(set, one.point.id, { coords: place(mm) }), id: one.point.id };
  const size = one.radius === undefined ? {} : { size: one.radius };
  const next = withPoint(set, mm, { name, color: one.color, ...size });
  return { set: next, id: next.points.at(-1)!.id };
}

/** Names, colours and sizes of the points of a set, as templates. */
export function asTemplates(set: SetData): Record<string, Template> {
  const entries = set.points.map(({ name, color, size }): [string, Template] => [
    name,
    { ...(color ? { color } : {}), ...(typeof size === "number" ? { radius: size } : {}) },
  ]);
  return Object.fromEntries(entries);
}
