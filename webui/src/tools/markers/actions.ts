// Keys and palette entries of the marker tool, out of the one table of actions.
import type { Action } from "../../core/actions.svelte";
import { openDialog } from "../../core/dialogs.svelte";
import { openTool } from "../../core/dock.svelte";
import { inform } from "../../core/toast.svelte";
import { viewer } from "../../viewer";
import { turnedBox } from "./boxes";
import { moved } from "./changes";
import { markers } from "./markers.svelte";
import { isFull, KINDS, mmOf, withPoint } from "./model";
import NumbersDialog from "./NumbersDialog.svelte";
import { dropPoint } from "./pointer";
import { saveAll } from "./saving";
import { resizeMarked } from "./sizing";
import { text, word } from "./strings";
import { sub } from "./vectors";

function act(
  id: string,
  label: string,
  keys: string[],
  run: () => unknown,
  enabled?: () => boolean,
): Action {
  return {
    id: `markers.${id}`,
    label,
    context: "viewer",
    group: text.tool,
    keys,
    ...(enabled ? { enabled } : {}),
    run: () => void run(),
  };
}

/** The pen of the current set, or of the last one. */
function togglePen(): void {
  const set = markers.current ?? markers.list.at(-1);
  if (set) markers.togglePen(set);
}

/** A point where the crosshair is, without a mouse. */
function addAtCrosshair(): void {
  const set = markers.current;
  if (!set || set.locked || isFull(set.data) || set.data.type === "scribble")
    return void inform(text.pointHere);
  const size = Number(set.data.state.defaultradius ?? 5) * 2;
  const more = set.data.type === "boxes" ? { size: [size, size, size, 0] } : {};
  const at = viewer.crosshairOf(viewer.activeViewport);
  if (markers.template) return markers.placeTemplate(set, markers.template, at);
  markers.edit(set, withPoint(set.data, at, more), text.stepAdd);
  markers.point = set.data.points.at(-1)!.id;
}

/** The marked point goes to the crosshair, without a mouse. */
function moveHere(): void {
  const { current: set, point } = markers;
  const from = set?.point(point);
  if (!set || !from || set.locked === 2) return;
  const at = viewer.crosshairOf(viewer.activeViewport);
  const normal = viewer.view(viewer.activeViewport)?.axes.normal ?? [0, 0, 1];
  markers.edit(set, moved(set.data, from.id, sub(at, mmOf(from)), normal), text.stepMove);
}

const TURN = (5 * Math.PI) / 180;

/** The marked box is turned in the active viewport, without a mouse. */
function turnMarked(by: number): void {
  const { current: set, point } = markers;
  const box = set?.point(point);
  const normal = viewer.view(viewer.activeViewport)?.axes.normal;
  if (!set || !box || !normal || set.locked) return;
  markers.patch(set, box.id, turnedBox(box, normal, by * TURN), text.stepTurn);
}

/** To the next point of the current set, round and round. */
function step(by: number): void {
  const set = markers.current;
  const points = set?.data.points ?? [];
  if (!set || !points.length) return;
  const at = points.findIndex(({ id }) => id === markers.point);
  const next =
    at < 0 ? (by > 0 ? 0 : points.length - 1) : (at + by + points.length) % points.length;
  markers.jump(set, points[next]!.id);
}

function toggleAll(): void {
  const on = markers.list.some((set) => !set.visible);
  for (const set of markers.list) set.visible = on;
}

const hasPoint = (): boolean => markers.current !== null && markers.point !== null;
const hasBox = (): boolean => hasPoint() && markers.current?.data.type === "boxes";
const hasSet = (): boolean => markers.list.length > 0;

export function markerActions(): Action[] {
  return [
    act("tool", text.tool, [], () => openTool("markers")),
    act("pen", text.pen, ["a"], togglePen, hasSet),
    act(
      "stop",
      text.penOff,
      ["Esc"],
      () => (markers.pen = false),
      () => markers.pen,
    ),
    act("here", text.atCrosshair, ["Shift+A"], addAtCrosshair, () => markers.current !== null),
    act("move", text.toCrosshair, ["Alt+A"], moveHere, hasPoint),
    act("next", text.next, ["Shift+Right"], () => step(1), hasSet),
    act("previous", text.previous, ["Shift+Left"], () => step(-1), hasSet),
    act(
      "drop",
      text.dropPoint,
      ["Del"],
      () => dropPoint(markers.current!, markers.point!),
      () => hasPoint() && !markers.current?.locked,
    ),
    act("larger", text.larger, ["Alt+Up"], () => resizeMarked(1), hasPoint),
    act("smaller", text.smaller, ["Alt+Down"], () => resizeMarked(-1), hasPoint),
    act("turn", text.turn, ["Alt+T"], () => turnMarked(1), hasBox),
    act("turnBack", text.turnBack, ["Alt+Shift+T"], () => turnMarked(-1), hasBox),
    act("visible", text.allVisible, ["Shift+V"], toggleAll, hasSet),
    act("save", text.saveAll, ["Ctrl+S"], saveAll, () => markers.dirty.length > 0),
    act(
      "numbers",
      `${text.title}: ${text.statistics}`,
      [],
      () => openDialog(NumbersDialog, {}),
      hasSet,
    ),
    ...KINDS.map((kind) =>
      act(`new.${kind}`, `${text.newMenu}: ${word("kind", kind)}`, [], () => {
        openTool("markers");
        markers.create(kind);
      }),
    ),
  ];
}
