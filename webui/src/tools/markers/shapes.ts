// What a set looks like on one slice: circles, lines and texts in pixels.
import type { Length } from "../../viewer/lengths";
import { lengthText } from "../../viewer/lengths";
import { worldToScreen } from "../../viewer/planes";
import type { Piece, Plane } from "./depth";
import { boxCut, turnGrip } from "./boxes";
import { depthOf, pieceOf, projectionOf, reachOf, strength } from "./depth";
import { GRIP_PX } from "./hits";
import type { Point, SetData } from "./model";
import { COLOURS, contactsOf, leadEnds, mmOf, placed, radiusOf } from "./model";
import type { Vec3 } from "./vectors";
import { distance } from "./vectors";

interface Common {
  key: string;
  color: string;
  opacity: number;
  /** The point it stands for. */
  id?: string;
}
export type Shape =
  | (Common & { kind: "circle"; x: number; y: number; r: number; dot?: boolean; grip?: boolean })
  | (Common & { kind: "line"; path: string; closed: boolean; arrow?: boolean })
  | (Common & { kind: "text"; x: number; y: number; text: string; strong?: boolean });

export interface Drawn {
  set: SetData;
  plane: Plane;
  /** What lengths of the image are. */
  length: Length;
  labels: boolean;
  /** The point that is marked: a box shows how it is turned. */
  marked?: string | null;
}

/** More would only be a cloud. */
const MOST = 4000;
const DOT_PX = 3;
const CONTACT_MM = 0.75;

type Place = { x: number; y: number };
const pathOf = (points: readonly Place[], closed = false): string =>
  points.map(({ x, y }, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("") +
  (closed ? "Z" : "");

const colourOf = (point: Point | undefined): string => point?.color ?? COLOURS[0];

class Sketch {
  readonly shapes: Shape[] = [];
  readonly how;

  constructor(readonly drawn: Drawn) {
    this.how = projectionOf(drawn.set);
  }

  screen(mm: Vec3): Place {
    return worldToScreen(this.drawn.plane.view, mm);
  }

  /** The sphere of a point where the slice cuts it, and its middle. */
  sphere(point: Point, radius: number): number {
    const { plane, labels } = this.drawn;
    const depth = depthOf(plane, mmOf(point));
    const opacity = strength(plane, depth, radius, this.how);
    if (opacity === 0) return 0;
    const { x, y } = this.screen(mmOf(point));
    const cut = Math.sqrt(Math.max(0, radius * radius - depth * depth)) || radius;
    const r = cut / plane.view.mmPerPixel;
    const common = { color: colourOf(point), opacity, id: point.id };
    this.shapes.push({ kind: "circle", key: `${point.id}.c`, x, y, r, ...common });
    this.shapes.push({ kind: "circle", key: point.id, x, y, r: DOT_PX, dot: true, ...common });
    if (labels) this.name(point, Math.min(r, 14), opacity);
    return opacity;
  }

  name(point: Point, aside: number, opacity: number): void {
    const { x, y } = this.screen(mmOf(point));
    const common = { color: colourOf(point), opacity, id: point.id };
    const at = { x: x + Math.max(DOT_PX, aside) * 0.8 + 4, y: y - Math.max(DOT_PX, aside) * 0.8 };
    this.shapes.push({ kind: "text", key: `${point.id}.t`, text: point.name, ...at, ...common });
  }

  /** A line from place to place; gives the pieces that show. */
  line(key: string, a: Vec3, b: Vec3, radius: number, color: string, arrow = false): Piece | null {
    const piece = pieceOf(this.drawn.plane, a, b, radius, this.how);
    if (!piece) return null;
    const path = pathOf([this.screen(piece.from), this.screen(piece.to)]);
    this.shapes.push({
      kind: "line",
      key,
      path,
      closed: false,
      color,
      opacity: piece.strength,
      arrow,
    });
    return piece;
  }

  /** A number beside the end of what it measures. */
  note(key: string, at: Vec3, text: string, color: string, opacity: number): void {
    const { x, y } = this.screen(at);
    this.shapes.push({
      kind: "text",
      key,
      x: x + 9,
      y: y + 15,
      text,
      strong: true,
      color,
      opacity,
    });
  }
}

/** Lines reach a little further than their points are large, or they would be dots. */
const lineReach = (sketch: Sketch, set: SetData, point: Point): number =>
  Math.max(radiusOf(set, point), 2 * sketch.drawn.plane.stepMm);

function spheres(sketch: Sketch, points: readonly Point[]): void {
  for (const point of points.slice(0, MOST))
    if (point.visible !== false) sketch.sphere(point, radiusOf(sketch.drawn.set, point));
}

/** Lines from point to point. */
function chain(sketch: Sketch, points: readonly Point[], closed: boolean): number {
  const { set } = sketch.drawn;
  let best = 0;
  const next = (i: number): Point | undefined => points[i + 1] ?? (closed ? points[0] : undefined);
  points.slice(0, MOST).forEach((point, i) => {
    const to = next(i);
    if (!to || to === point) return;
    const reach = lineReach(sketch, set, point);
    const piece = sketch.line(`${point.id}.l`, mmOf(point), mmOf(to), reach, colourOf(point));
    best = Math.max(best, piece?.strength ?? 0);
  });
  return best;
}

/** Small points on the ends of lines. */
function knots(sketch: Sketch, points: readonly Point[], names: boolean): void {
  const { set, plane } = sketch.drawn;
  for (const point of points.slice(0, MOST)) {
    const opacity = strength(
      plane,
      depthOf(plane, mmOf(point)),
      lineReach(sketch, set, point),
      sketch.how,
    );
    if (opacity === 0 || point.visible === false) continue;
    const { x, y } = sketch.screen(mmOf(point));
    const common = { color: colourOf(point), opacity, id: point.id };
    sketch.shapes.push({
      kind: "circle",
      key: point.id,
      x,
      y,
      r: DOT_PX + 0.5,
      dot: true,
      ...common,
    });
    if (names) sketch.name(point, DOT_PX, opacity);
  }
}

const totalOf = (points: readonly Point[], closed: boolean): number =>
  points.reduce((sum, point, i) => {
    const to = points[i + 1] ?? (closed ? points[0] : undefined);
    return to ? sum + distance(mmOf(point), mmOf(to)) : sum;
  }, 0);

function freeline(sketch: Sketch): void {
  const { set, length, labels } = sketch.drawn;
  const closed = set.type === "surface" || set.closed === true;
  const opacity = chain(sketch, set.points, closed);
  knots(sketch, set.points, labels && !set.points.every(({ name }) => name.startsWith("noname")));
  const last = set.points.at(-1);
  if (!last || set.points.length < 2 || opacity === 0) return;
  const text = lengthText(totalOf(set.points, closed), length);
  sketch.note("length", mmOf(last), text, colourOf(last), opacity);
}

function ruler(sketch: Sketch): void {
  const { set, length } = sketch.drawn;
  const opacity = chain(sketch, set.points, false);
  knots(sketch, set.points, false);
  const [a, b] = set.points;
  if (!a || !b || opacity === 0) return;
  const text = lengthText(distance(mmOf(a), mmOf(b)), length);
  sketch.note("length", mmOf(b), text, colourOf(a), opacity);
}

function diameters(sketch: Sketch): void {
  const { set, length } = sketch.drawn;
  const { points } = set;
  const opacity = Math.max(
    chain(sketch, points.slice(0, 2), false),
    chain(sketch, points.slice(2, 4), false),
  );
  knots(sketch, points, false);
  const [a, b, c, d] = points.map(mmOf);
  if (!a || !b || !c || !d || opacity === 0) return;
  const [long, short] = [distance(a, b), distance(c, d)];
  const text = lengthText([long, short], length);
  sketch.note("diameters", b, text, colourOf(points[0]), opacity);
}

function pair(sketch: Sketch): void {
  const { set } = sketch.drawn;
  spheres(sketch, set.points);
  const source = set.points.find(({ name }) => name === "source") ?? set.points[0];
  const target = set.points.find((point) => point !== source);
  if (!source || !target) return;
  const reach = lineReach(sketch, set, source);
  sketch.line("way", mmOf(source), mmOf(target), reach, colourOf(source), true);
}

function outlines(sketch: Sketch): void {
  const { set, plane, labels } = sketch.drawn;
  for (const point of set.points.slice(0, MOST)) {
    const line = (point.subpoints ?? []).map((one): Vec3 => [one[0]!, one[1]!, one[2]!]);
    if (!line.length || point.visible === false) continue;
    // An outline shows in its own slice: across it, it would be a line.
    const depth = line.reduce((most, mm) => Math.max(most, Math.abs(depthOf(plane, mm))), 0);
    const opacity = strength(plane, depth, radiusOf(set, point), sketch.how);
    if (opacity === 0) continue;
    const places = line.map((mm) => sketch.screen(mm));
    const path = pathOf(places, point.closed === true);
    const common = { color: colourOf(point), opacity, id: point.id };
    sketch.shapes.push({
      kind: "line",
      key: point.id,
      path,
      closed: point.closed === true,
      ...common,
    });
    const named = labels && !point.name.startsWith("noname");
    const top = places.reduce((best, one) => (one.y < best.y ? one : best));
    if (named)
      sketch.shapes.push({
        kind: "text",
        key: `${point.id}.t`,
        x: top.x + 4,
        y: top.y - 6,
        text: point.name,
        ...common,
      });
  }
}

/** The grip that turns a box, on a stalk. */
function grip(sketch: Sketch, point: Point, cut: readonly Vec3[]): void {
  const { plane } = sketch.drawn;
  const at = turnGrip(plane, cut, GRIP_PX * plane.view.mmPerPixel);
  if (!at) return;
  const foot = sketch.screen(turnGrip(plane, cut, 0)!);
  const head = sketch.screen(at);
  const common = { color: colourOf(point), opacity: 1, id: point.id };
  const path = pathOf([foot, head]);
  sketch.shapes.push({ kind: "line", key: `${point.id}.s`, path, closed: false, ...common });
  const key = `${point.id}.g`;
  sketch.shapes.push({ kind: "circle", key, ...head, r: DOT_PX + 2, grip: true, ...common });
}

function boxes(sketch: Sketch): void {
  const { set, plane, labels, marked } = sketch.drawn;
  for (const point of set.points.slice(0, MOST)) {
    if (point.visible === false) continue;
    const cut = boxCut(plane, point);
    if (cut.length < 3) continue;
    const corners = cut.map((mm) => sketch.screen(mm));
    const common = { color: colourOf(point), opacity: 1, id: point.id };
    const path = pathOf(corners, true);
    sketch.shapes.push({ kind: "line", key: point.id, path, closed: true, ...common });
    if (point.id === marked && !set.state.locked) grip(sketch, point, cut);
    for (const [i, { x, y }] of corners.entries())
      sketch.shapes.push({
        kind: "circle",
        key: `${point.id}.${i}`,
        x,
        y,
        r: DOT_PX,
        dot: true,
        ...common,
      });
    if (labels && !point.name.startsWith("noname")) {
      const x = Math.max(...corners.map((one) => one.x));
      const y = Math.min(...corners.map((one) => one.y));
      const text = point.name;
      sketch.shapes.push({ kind: "text", key: `${point.id}.t`, x: x + 5, y, text, ...common });
    }
  }
}

function electrode(sketch: Sketch): void {
  const { set, plane, labels } = sketch.drawn;
  const ends = leadEnds(set);
  if (!ends) return knots(sketch, placed(set), labels);
  const { tip, end } = ends;
  const reach = lineReach(sketch, set, tip);
  sketch.line("lead", mmOf(tip), mmOf(end), reach, colourOf(tip));
  knots(sketch, [tip, end], labels);
  contactsOf(set).forEach((mm, i) => {
    const opacity = strength(plane, depthOf(plane, mm), reachOf(plane, 2, "near"), sketch.how);
    if (opacity === 0) return;
    const { x, y } = sketch.screen(mm);
    const r = Math.max(2.5, CONTACT_MM / plane.view.mmPerPixel);
    const common = { color: colourOf(end), opacity };
    sketch.shapes.push({ kind: "circle", key: `contact${i}`, x, y, r, ...common });
    if (labels)
      sketch.shapes.push({
        kind: "text",
        key: `contact${i}.t`,
        x: x + r + 3,
        y: y + 4,
        text: String(i),
        ...common,
      });
  });
}

const DRAW: Record<string, (sketch: Sketch) => void> = {
  freeline,
  surface: freeline,
  ruler,
  "3druler": ruler,
  "2diameter": diameters,
  correspondence: pair,
  scribble: outlines,
  boxes,
  electrode,
};

/** Everything that shows of a set on a slice. */
export function shapesOf(drawn: Drawn): Shape[] {
  const sketch = new Sketch(drawn);
  const draw = DRAW[drawn.set.type];
  if (draw) draw(sketch);
  else spheres(sketch, drawn.set.points);
  return sketch.shapes;
}
