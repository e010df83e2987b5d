// Mouse and pen over a viewport while drawing is on: strokes, free growing, outlines, live preview.
import type { Layer, PointerAt, PointerTool, Volume } from "../../viewer";
import { viewer } from "../../viewer";
import { inform } from "../../core/toast.svelte";
import { t } from "../../core/strings";
import { history } from "../history.svelte";
import { sizeOf, voxels } from "./kernels/box";
import { dragTolerance, Growth } from "./kernels/growing";
import type { Patch, Pen } from "./kernels/pens";
import { brush, nearestVoxel, ontoSlice, unitMm } from "./kernels/pens";
import type { ImageSource } from "./kernels/values";
import {
  between,
  betweenConnected,
  sameGrid,
  similar,
  similarConnected,
  valuesUnder,
} from "./kernels/values";
import { outlines } from "./outlines.svelte";
import type { Roi } from "./roi.svelte";
import { rois } from "./rois.svelte";
import { setRoi, settings, thresholdValue } from "./settings.svelte";
import { GrownStroke, Stroke } from "./stroke";
import { cursor } from "./cursor.svelte";

/** Voxels that free growing takes up between two pictures. */
const GROWN_AT_ONCE = 400_000;

/** The image under the pens: the background of the viewport, at its time point. */
function imageOf(layer: Layer | null): ImageSource | null {
  const volume = layer?.volume;
  if (!layer || !volume?.complete || volume.channels > 1) return null;
  const { shape, affine, inverse, header } = volume;
  const data = volume.frameSamples(Math.min(layer.frame, volume.frames - 1));
  if (!data) return null;
  return { shape, affine, inverse, data, from: 0, slope: header.slope, inter: header.inter };
}

const baseOf = (at: PointerAt): Layer | null => {
  const { base } = at.viewport;
  return base && rois.byLayer(base) ? null : base;
};

/** Longest side of an image in mm: pen sizes are relative to it. */
export function extentMm({ shape, affine }: Pick<Volume, "shape" | "affine">): number {
  const size = (c: number): number => Math.hypot(affine[c]!, affine[4 + c]!, affine[8 + c]!);
  return Math.max(shape[0] * size(0), shape[1] * size(1), shape[2] * size(2));
}

/** Radius and half thickness in mm as the sizes are set. */
export function penMm(roi: Roi, base: Layer | null): { radiusMm: number; halfMm: number } {
  const f = unitMm(extentMm(base?.volume ?? roi.volume), settings.unitsMm);
  return { radiusMm: settings.sizeXY * f, halfMm: settings.sizeZ * f };
}

function penAt(at: PointerAt, roi: Roi, erasing: boolean, radius: number | null): Pen {
  const { normal } = at.view.axes;
  const { radiusMm, halfMm } = penMm(roi, baseOf(at));
  const single = erasing && settings.singleZErase;
  return {
    shape: settings.shape,
    centre: ontoSlice(roi.matrix, at.mm, normal),
    normal,
    radiusMm: radius ?? radiusMm,
    halfMm: single ? 0 : halfMm,
    direction: settings.direction,
  };
}

/** What a pen draws at a place: its shape, cut by thresholds or by similarity. */
export function patchAt(at: PointerAt, roi: Roi, pen: Pen, erasing: boolean): Patch | null {
  const patch = brush(roi.matrix, thickEnough(roi, pen));
  if (!patch) return null;
  const kind = settings.pen;
  const plain = kind === "pen" || kind === "polygon" || kind === "grow";
  if (plain || (erasing && !settings.smartErase)) return patch;
  const base = baseOf(at);
  const image = imageOf(base);
  if (!base || !image) return patch;
  const values = valuesUnder(image, roi.matrix, patch);
  const seed = nearestVoxel(roi.matrix, pen.centre);
  if (kind === "magic") return similar(patch, values, base.limits, seed, rim(roi, pen, patch));
  if (kind === "connected") return similarConnected(patch, values, base.limits, seed);
  const low = thresholdValue(settings.thresholdLow, base.limits) ?? null;
  const high = thresholdValue(settings.thresholdHigh, base.limits) ?? null;
  return settings.thresholdMode === "grow"
    ? betweenConnected(patch, values, { low, high }, seed)
    : between(patch, values, { low, high });
}

/** Oblique matrices have no slice in the plane: half a voxel then counts as one. */
function thickEnough(roi: Roi, pen: Pen): Pen {
  const { affine } = roi.matrix;
  const along = [0, 1, 2].map((c) =>
    Math.abs(
      affine[c]! * pen.normal[0] + affine[4 + c]! * pen.normal[1] + affine[8 + c]! * pen.normal[2],
    ),
  );
  const aligned = along.filter((mm) => mm > 1e-3).length === 1;
  return aligned ? pen : { ...pen, halfMm: Math.max(pen.halfMm, Math.max(...along) / 2) };
}

/** Squared distance to the centre of the pen as a share of its radius, by place in the patch. */
function rim({ matrix }: Roi, pen: Pen, { box }: Patch): (at: number) => number {
  const [w, h] = sizeOf(box);
  const m = matrix.affine;
  const radius2 = Math.max(pen.radiusMm, 1e-6) ** 2;
  return (at) => {
    const x = box.low[0] + (at % w);
    const y = box.low[1] + (Math.floor(at / w) % h);
    const z = box.low[2] + Math.floor(at / (w * h));
    let sum = 0;
    for (let r = 0; r < 3; r++)
      sum +=
        (m[4 * r]! * x + m[4 * r + 1]! * y + m[4 * r + 2]! * z + m[4 * r + 3]! - pen.centre[r]!) **
        2;
    return sum / radius2;
  };
}

/** Distance to the nearest voxel of the other state, at most the radius of the pen (smart size). */
export function smartRadius(roi: Roi, pen: Pen): number {
  const patch = brush(roi.matrix, { ...pen, halfMm: 0 });
  if (!patch) return pen.radiusMm;
  const data = roi.frameData();
  const [nx, ny] = roi.volume.shape;
  const [w, h] = sizeOf(patch.box);
  const seed = nearestVoxel(roi.matrix, pen.centre);
  const state = data[(seed[2] * ny + seed[1]) * nx + seed[0]] ?? 0;
  const share = rim(roi, pen, patch);
  let nearest = 1;
  patch.on.forEach((v, at) => {
    const x = patch.box.low[0] + (at % w);
    const y = patch.box.low[1] + (Math.floor(at / w) % h);
    const z = patch.box.low[2] + Math.floor(at / (w * h));
    if (v && data[(z * ny + y) * nx + x] !== state) nearest = Math.min(nearest, share(at));
  });
  return Math.sqrt(nearest) * pen.radiusMm;
}

interface Gesture {
  move: (at: PointerAt) => void;
  end: () => void;
}

/** Draws along the way of the pointer. */
function strokeGesture(at: PointerAt, roi: Roi, on: boolean): Gesture {
  const stroke = new Stroke(roi, roi.frame, on, settings.overlap, rois.rivals(roi));
  const first = penAt(at, roi, !on, null);
  const radius = settings.smartSize ? smartRadius(roi, first) : null;
  const seeded = settings.pen !== "pen" && (on || settings.smartErase);
  let last: Pen["centre"] | null = null;
  const draw = (here: PointerAt): void => {
    const pen = penAt(here, roi, !on, radius);
    // A plain pen leaves no gaps however fast it moves; one that looks at a centre is set anew.
    const patch = patchAt(here, roi, last && !seeded ? { ...pen, from: last } : pen, !on);
    last = pen.centre;
    if (patch) stroke.draw(patch);
  };
  draw(at);
  const label = t(on ? "roi_step_draw" : "roi_step_erase");
  return {
    move: draw,
    end: () => {
      const step = stroke.finish(`${label}: ${roi.name}`);
      if (step) history.push(step);
    },
  };
}

/** Grows from where the button went down; left and right change the tolerance (ROI-26). */
function growGesture(at: PointerAt, roi: Roi): Gesture | null {
  const base = baseOf(at);
  const image = imageOf(base);
  if (!base || !image || !sameGrid(image, roi.matrix)) {
    inform(t("roi_grow_geometry"));
    return null;
  }
  const [x, y, z] = nearestVoxel(roi.matrix, at.mm);
  const [nx, ny] = roi.volume.shape;
  if (!roi.volume.contains([x, y, z])) return null;
  const values = (image.data as Uint8Array).subarray(image.from, image.from + voxels(image.shape));
  const { slope, inter, shape } = image;
  const growth = new Growth({ values, shape, slope, inter, ...base.limits }, (z * ny + y) * nx + x);
  const grown = new GrownStroke(
    new Stroke(roi, roi.frame, true, settings.overlap, rois.rivals(roi)),
  );
  const startX = at.event.clientX;
  let tolerance = dragTolerance(0);
  let frame = 0;
  const show = (): void => {
    frame = 0;
    const { n, complete } = growth.reachSome(tolerance, GROWN_AT_ONCE);
    grown.show(growth.order.values, n);
    cursor.note = t("roi_tolerance", { percent: (100 * tolerance).toFixed(0) });
    if (!complete) frame = requestAnimationFrame(show);
  };
  show();
  return {
    move: (here) => {
      tolerance = dragTolerance(here.event.clientX - startX);
      if (!frame) frame = requestAnimationFrame(show);
    },
    end: () => {
      cancelAnimationFrame(frame);
      cursor.note = "";
      grown.show(growth.order.values, growth.reach(tolerance));
      const step = grown.finish(`${t("roi_step_grow")}: ${roi.name}`, growth.order.values);
      if (step) history.push(step);
    },
  };
}

let gesture: Gesture | null = null;

function ready(event: PointerEvent): Roi | null {
  const roi = rois.current;
  const off = !rois.drawing || event.shiftKey || event.altKey;
  if (off || !roi || roi.busy || !roi.layer.visible) return null;
  return roi;
}

function down(at: PointerAt): boolean {
  const roi = ready(at.event);
  const { button, ctrlKey, metaKey } = at.event;
  if (!roi || (button !== 0 && button !== 2)) return false;
  cursor.patch = null;
  releaseFocus();
  if (settings.pen === "polygon") return outlines.down(at, roi);
  // Left draws, right erases; Ctrl and a long press on the pencil turn that round (ROI-14).
  const on = ((button === 0) !== (ctrlKey || metaKey)) !== rois.swapped;
  gesture = settings.pen === "grow" && on ? growGesture(at, roi) : strokeGesture(at, roi, on);
  return true;
}

/** Keys belong to the images again: a field of the panel would take Space and Ctrl+Z. */
function releaseFocus(): void {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement) activeElement.blur();
}

/** The circle under the pointer and, with live preview, what would be drawn (ROI-19). */
function hover(at: PointerAt): void {
  const roi = ready(at.event);
  cursor.at = roi ? { viewport: at.viewport, mm: at.mm } : null;
  cursor.patch = null;
  if (!roi || settings.pen === "polygon" || settings.pen === "grow") return;
  const pen = penAt(at, roi, false, null);
  cursor.radiusMm = pen.radiusMm;
  if (settings.preview && settings.pen !== "pen") cursor.patch = patchAt(at, roi, pen, false);
}

export const roiPointer: PointerTool = {
  get active() {
    return rois.drawing;
  },
  stop: () => (rois.drawing = false),
  down,
  move: (at) => {
    if (outlines.dragging) return outlines.move(at);
    gesture?.move(at);
    if (!gesture) hover(at);
    else cursor.at = { viewport: at.viewport, mm: at.mm };
  },
  up: () => {
    outlines.up();
    gesture?.end();
    gesture = null;
  },
  leave: () => {
    cursor.at = null;
    cursor.patch = null;
  },
  wheel: (event) => {
    if (!event.shiftKey || !rois.drawing || !rois.current) return false;
    event.preventDefault();
    resize((event.deltaY || event.deltaX) < 0 ? 1 : -1);
    return true;
  },
};

/** Make the pen larger or smaller. */
export function resize(by: number): void {
  setRoi("sizeXY", Math.min(200, Math.max(0, settings.sizeXY + by)));
  viewer.tell(t("roi_pen_size", { size: penText() }));
}

/** Diameter and thickness in mm, as they are set. */
export function penText(): string {
  const roi = rois.current;
  const base = viewer.activeViewport.base;
  if (!roi) return `${settings.sizeXY}`;
  const { radiusMm, halfMm } = penMm(roi, base);
  return `⌀ ${(2 * radiusMm).toFixed(1)} mm × ${(2 * halfMm).toFixed(1)} mm`;
}
