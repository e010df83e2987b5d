// What a set looks like in a 3D viewport: balls, lines and texts in pixels, the farthest first.
import type { Placed3d, Projection3d } from "../../viewer";
import { boxEdges } from "./boxes";
import { outlineOf } from "./hits";
import type { Point, SetData } from "./model";
import { COLOURS, contactsOf, leadEnds, mmOf, placed, radiusOf } from "./model";
import type { Vec3 } from "./vectors";

interface Common {
  key: string;
  color: string;
  /** Nearer is stronger: 1 in front of everything. */
  opacity: number;
  near: number;
  /** The point it stands for. */
  id?: string;
}
export type Shape3d =
  | (Common & { kind: "ball"; x: number; y: number; r: number })
  | (Common & { kind: "line"; path: string; arrow?: boolean })
  | (Common & { kind: "text"; x: number; y: number; text: string });

/** More would only be a cloud. */
const MOST = 4000;
const KNOT_PX = 3.5;
const LEAST_PX = 3;
const CONTACT_MM = 0.75;
const FAINTEST = 0.5;

const colourOf = (point: Point | undefined): string => point?.color ?? COLOURS[0];

class Sketch {
  readonly shapes: Shape3d[] = [];

  constructor(
    readonly set: SetData,
    readonly projection: Projection3d,
  ) {}

  private strength({ near }: Placed3d): number {
    const t = Math.min(1, Math.max(0, 0.5 + near / (2 * this.projection.reach)));
    return Number((FAINTEST + (1 - FAINTEST) * t).toFixed(3));
  }

  ball(point: Point, mm: Vec3, r: number, key = point.id): void {
    const at = this.projection.place(mm);
    const { x, y, near } = at;
    const color = colourOf(point);
    const opacity = this.strength(at);
    this.shapes.push({ kind: "ball", key, x, y, r, near, color, opacity, id: point.id });
  }

  name(point: Point, r: number, text = point.name, mm = mmOf(point), key = point.id): void {
    if (this.set.state.labels === false) return;
    const at = this.projection.place(mm);
    const place = { x: at.x + r * 0.8 + 4, y: at.y - r * 0.8 };
    const common = { key: `${key}.t`, color: colourOf(point), opacity: this.strength(at) };
    this.shapes.push({ kind: "text", text, near: at.near, ...place, ...common });
  }

  line(key: string, way: readonly Vec3[], point: Point, more: { arrow?: boolean } = {}): void {
    if (way.length < 2) return;
    const all = way.map((mm) => this.projection.place(mm));
    const near = all.reduce((sum, one) => sum + one.near, 0) / all.length;
    const path = all
      .map(({ x, y }, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`)
      .join("");
    const opacity = this.strength({ x: 0, y: 0, near });
    const common = { key, color: colourOf(point), opacity, near, id: point.id };
    this.shapes.push({ kind: "line", path, ...common, ...more });
  }
}

const isNamed = ({ name }: Point): boolean => !name.startsWith("noname");

function balls(sketch: Sketch, points: readonly Point[]): void {
  for (const point of points) {
    const r = Math.max(LEAST_PX, radiusOf(sketch.set, point) * sketch.projection.pxPerMm);
    sketch.ball(point, mmOf(point), r);
    sketch.name(point, Math.min(r, 14));
  }
}

function knots(sketch: Sketch, points: readonly Point[], names: (point: Point) => boolean): void {
  for (const point of points) {
    sketch.ball(point, mmOf(point), KNOT_PX);
    if (names(point)) sketch.name(point, KNOT_PX);
  }
}

function chain(sketch: Sketch, points: readonly Point[], closed = false): void {
  points.forEach((point, i) => {
    const to = points[i + 1] ?? (closed && points.length > 2 ? points[0] : undefined);
    if (to) sketch.line(`${point.id}.l`, [mmOf(point), mmOf(to)], point);
  });
}

function freeline(sketch: Sketch, points: readonly Point[]): void {
  chain(sketch, points, sketch.set.type === "surface" || sketch.set.closed === true);
  knots(sketch, points, isNamed);
}

function ruler(sketch: Sketch, points: readonly Point[]): void {
  chain(sketch, points.slice(0, 2));
  chain(sketch, points.slice(2, 4));
  knots(sketch, points, () => false);
}

function pair(sketch: Sketch, points: readonly Point[]): void {
  balls(sketch, points);
  const source = points.find(({ name }) => name === "source") ?? points[0];
  const target = points.find((point) => point !== source);
  if (source && target) sketch.line("way", [mmOf(source), mmOf(target)], source, { arrow: true });
}

function outlines(sketch: Sketch, points: readonly Point[]): void {
  for (const point of points) {
    const way = outlineOf(point);
    sketch.line(point.id, point.closed ? [...way, way[0]!] : way, point);
    if (isNamed(point)) sketch.name(point, 0);
  }
}

function boxes(sketch: Sketch, points: readonly Point[]): void {
  for (const point of points) {
    boxEdges(point).forEach((edge, i) => sketch.line(`${point.id}.${i}`, edge, point));
    if (isNamed(point)) sketch.name(point, 0);
  }
}

function electrode(sketch: Sketch): void {
  const ends = leadEnds(sketch.set);
  if (!ends) return knots(sketch, placed(sketch.set), () => true);
  const { tip, end } = ends;
  sketch.line("lead", [mmOf(tip), mmOf(end)], tip);
  knots(sketch, [tip, end], () => true);
  const r = Math.max(LEAST_PX, CONTACT_MM * sketch.projection.pxPerMm);
  contactsOf(sketch.set).forEach((mm, i) => {
    sketch.ball(end, mm, r, `contact${i}`);
    sketch.name(end, r, String(i), mm, `contact${i}`);
  });
}

const DRAW: Record<string, (sketch: Sketch, points: readonly Point[]) => void> = {
  freeline,
  surface: freeline,
  ruler,
  "3druler": ruler,
  "2diameter": ruler,
  correspondence: pair,
  scribble: outlines,
  boxes,
  electrode,
};

/** Everything of a set, the farthest first. */
export function shapes3d(set: SetData, projection: Projection3d): Shape3d[] {
  const sketch = new Sketch(set, projection);
  const points = set.points.filter((point) => point.visible !== false).slice(0, MOST);
  (DRAW[set.type] ?? balls)(sketch, points);
  return sketch.shapes.sort((a, b) => a.near - b.near);
}
