// The ROIs in the viewer: which there are, which one is drawn on, what can be done with them.
import type { FileRow } from "../../core/types";
import { complain, inform } from "../../core/toast.svelte";
import { t } from "../../core/strings";
import { Layer, viewer } from "../../viewer";
import type { Viewport } from "../../viewer";
import { history } from "../history.svelte";
import { askEdit } from "./client";
import type { Edit } from "./jobs";
import type { Triple } from "./kernels/box";
import { sameGrid } from "./kernels/values";
import { encode } from "./kernels/runs";
import type { Geometry } from "./roi.svelte";
import { maskVolume, Roi } from "./roi.svelte";
import { settings } from "./settings.svelte";
import { flipStep } from "./stroke";

export type Creation = "empty" | "above" | "below";

const DEFAULT_NAME = "mask_untitled";

class Rois {
  list: Roi[] = $state.raw([]);
  current: Roi | null = $state.raw(null);
  /** Drafts of earlier visits that are open again, and the ROI each has become. */
  recovered: string[] = $state.raw([]);
  readonly replaces = new Map<Roi, string>();
  /** Pens are on. */
  drawing = $state(false);
  /** The mouse buttons are exchanged: left erases. */
  swapped = $state(false);

  byLayer(layer: Layer): Roi | undefined {
    return this.list.find((roi) => roi.layer === layer);
  }

  get dirty(): Roi[] {
    return this.list.filter((roi) => roi.dirty);
  }

  /** Other visible ROIs of identical matrix, for override and block. */
  rivals(roi: Roi): Roi[] {
    return this.list.filter(
      (one) => one !== roi && one.layer.visible && sameGrid(one.matrix, roi.matrix),
    );
  }

  // ---- creation ----

  uniqueName(base = DEFAULT_NAME): string {
    const taken = new Set(this.list.map((roi) => roi.name.replace(/\.nii(\.gz)?$/, "")));
    if (base !== DEFAULT_NAME && !taken.has(base)) return base;
    for (let n = 0; ; n++) {
      const name = base === DEFAULT_NAME ? `${base}${n}` : `${base}_${n + 1}`;
      if (!taken.has(name)) return name;
    }
  }

  /** A ROI on the grid of an image; thresholds use its lower display limit (ROI-30, -31). */
  create(template: Layer, kind: Creation = "empty"): Roi | null {
    const { volume } = template;
    if (!volume || !volume.complete) {
      inform(t("roi_wait_image"));
      return null;
    }
    const frames = settings.mode4d ? volume.frames : 1;
    const { shape, affine, header } = volume;
    const geometry = { shape, affine, frames, frameSeconds: header.frameSeconds, raw: header.raw };
    const roi = this.add(this.uniqueName(), geometry, template);
    if (kind !== "empty") this.threshold(roi, template, kind);
    return roi;
  }

  /** Make a ROI and remember how to take it back. */
  add(name: string, geometry: Geometry, template: Layer | null, data?: Uint8Array): Roi {
    const row = (template?.row ?? null) as FileRow | null;
    const layer = new Layer({ made: name, subject: template?.subject ?? "" }, "labels");
    layer.opacity = settings.opacity;
    layer.outline = settings.outline;
    const roi = new Roi(layer, maskVolume(name, geometry, data));
    roi.reference = row;
    roi.referenceName = template?.label ?? "";
    const places = template ? viewer.viewports.filter((one) => showsImage(one, template)) : [];
    viewer.adopt(layer, roi.volume, places.length ? places : viewer.viewports);
    this.list = [...this.list, roi];
    this.select(roi);
    history.push({
      label: t("roi_step_new", { name }),
      bytes: roi.data.byteLength,
      undo: () => this.detach(roi),
      redo: () => this.attach(roi, places),
    });
    return roi;
  }

  private threshold(roi: Roi, template: Layer, kind: Creation): void {
    const volume = template.volume!;
    const { slope, inter } = volume.header;
    const limit = template.limits.low;
    const n = volume.voxelsPerFrame;
    for (let t0 = 0; t0 < roi.volume.frames; t0++) {
      const samples = volume.frameSamples(roi.volume.frames > 1 ? t0 : template.frame);
      if (!samples) continue;
      const mask = roi.frameData(t0);
      for (let i = 0; i < n; i++) {
        const value = samples[i]! * slope + inter;
        mask[i] = Number(kind === "above" ? value > limit : value < limit && value !== 0);
      }
    }
    this.whole(roi);
  }

  /** All of a ROI has changed. */
  whole(roi: Roi): void {
    const [nx, ny, nz] = roi.volume.shape;
    for (let frame = 0; frame < roi.volume.frames; frame++)
      roi.touched({ low: [0, 0, 0], high: [nx - 1, ny - 1, nz - 1] }, frame, 0);
    roi.recount();
  }

  /** A mask that was opened becomes a ROI in its place; label maps stay what they are. */
  take(layer: Layer): Roi | null {
    const { volume } = layer;
    const known = this.byLayer(layer);
    if (known || !volume?.complete || volume.streamed || volume.channels > 1 || layer.maxLabel > 1)
      return known ?? null;
    const data = Uint8Array.from(volume.data, (v) =>
      Number(v * volume.header.slope + volume.header.inter > 0.5),
    );
    const { shape, affine, frames, header } = volume;
    const own = maskVolume(
      layer.name,
      { shape, affine, frames, frameSeconds: header.frameSeconds, raw: header.raw },
      data,
    );
    own.revision = volume.revision + 1;
    layer.take(own);
    const roi = new Roi(layer, own);
    const row = layer.row as FileRow | null;
    roi.reference = row;
    roi.referenceName = layer.label;
    if (row) roi.saved = { id: row.id, path: row.path, version: row.version };
    this.list = [...this.list, roi];
    this.current ??= roi;
    return roi;
  }

  // ---- list ----

  select(roi: Roi | null): void {
    if (this.current && roi !== this.current)
      this.current.thresholds = { low: settings.thresholdLow, high: settings.thresholdHigh };
    this.current = roi;
    if (roi?.thresholds) {
      settings.thresholdLow = roi.thresholds.low;
      settings.thresholdHigh = roi.thresholds.high;
    }
    if (!roi) this.drawing = false;
  }

  /** The pencil: current and drawing on; once more: drawing off (ROI-07, -15). */
  pencil(roi: Roi): void {
    const again = roi === this.current && this.drawing;
    this.select(roi);
    this.drawing = !again;
    if (this.drawing) roi.layer.visible = true;
  }

  /** Viewer position to the centre of gravity, or to a voxel inside (ROI-06). */
  focus(roi: Roi): void {
    const mm = centreOf(roi);
    if (mm) viewer.setCrosshair(mm);
    else inform(t("roi_empty", { name: roi.name }));
  }

  setVisible(on: boolean): void {
    for (const roi of this.list) roi.layer.visible = on;
  }

  rename(roi: Roi, name: string): void {
    const before = roi.name;
    const after = name.trim();
    if (!after || after === before) return;
    const set = (text: string) => () => {
      roi.layer.title = text;
      roi.changes++;
      roi.dirty = true;
    };
    set(after)();
    const label = t("roi_step_rename", { name: after });
    history.push({ label, bytes: 64, undo: set(before), redo: set(after) });
  }

  private detach(roi: Roi): void {
    this.list = this.list.filter((one) => one !== roi);
    if (this.current === roi) this.select(this.list.at(-1) ?? null);
    viewer.remove(roi.layer);
  }

  private attach(roi: Roi, places: readonly Viewport[]): void {
    const alive = places.filter((one) => viewer.viewports.includes(one));
    viewer.adopt(roi.layer, roi.volume, alive.length ? alive : viewer.viewports);
    this.list = [...this.list, roi];
    this.select(roi);
  }

  /** Take a ROI out of the workspace; can be undone (ROI-13). */
  remove(roi: Roi): void {
    const places = viewer.viewports.filter((one) => one.layers.includes(roi.layer));
    const label = t("roi_step_delete", { name: roi.name });
    this.detach(roi);
    const undo = (): void => this.attach(roi, places);
    history.push({ label, bytes: roi.data.byteLength, undo, redo: () => this.detach(roi) });
    inform(t("roi_deleted", { name: roi.name }), {
      label: t("roi_undo"),
      run: () => history.undo(),
    });
  }

  /** Layers closed from a viewbar take their ROI along; unsaved ones can be brought back. */
  follow(layers: readonly Layer[]): void {
    for (const roi of this.list) {
      if (layers.includes(roi.layer)) continue;
      const places = [...viewer.viewports];
      this.list = this.list.filter((one) => one !== roi);
      if (this.current === roi) this.select(this.list.at(-1) ?? null);
      if (!roi.dirty) continue;
      const label = t("roi_step_delete", { name: roi.name });
      const undo = (): void => this.attach(roi, places);
      history.push({ label, bytes: roi.data.byteLength, undo, redo: () => this.detach(roi) });
      inform(t("roi_closed_unsaved", { name: roi.name }), { label: t("roi_undo"), run: undo });
    }
  }

  // ---- operations ----

  /** Run an operation in the worker as one step of undo; all time points when asked. */
  async edit(roi: Roi, edit: Edit, label: string, allFrames = false): Promise<boolean> {
    if (roi.busy) return false;
    const frames = allFrames ? roi.counts.map((_, i) => i) : [roi.frame];
    roi.busy = label;
    try {
      for (const frame of frames) {
        const runs = await askEdit(roi.frameData(frame), roi.volume.shape, edit);
        if (!runs.length) continue;
        roi.flip(runs, frame);
        history.push(flipStep(`${label}: ${roi.name}`, frame, [{ roi, runs }]));
      }
      return true;
    } catch (error) {
      complain(error, label);
      return false;
    } finally {
      roi.busy = "";
    }
  }

  /** Copy of a ROI on its own grid. */
  clone(roi: Roi): Roi {
    const made = this.add(
      this.uniqueName(roi.name.replace(/\.nii(\.gz)?$/, "")),
      roi.geometry,
      null,
      roi.data.slice(),
    );
    made.reference = roi.reference;
    made.referenceName = roi.referenceName;
    made.dirty = true;
    return made;
  }

  /** Runs of all time points, for the draft. */
  runs(roi: Roi): Uint32Array[] {
    return roi.counts.map((_, frame) => encode(roi.frameData(frame)));
  }
}

export const rois = new Rois();

/** Whether a viewport shows an image of the same subject as a template, or the template itself. */
function showsImage(viewport: Viewport, template: Layer): boolean {
  if (viewport.layers.includes(template)) return true;
  const { base } = viewport;
  return base !== null && template.subject !== "" && base.subject === template.subject;
}

/** World point of the centre of gravity (ROI-06); null when the ROI is empty. */
export function centreOf(roi: Roi): Triple | null {
  const box = roi.bounds();
  if (!box) return null;
  const data = roi.frameData();
  const [nx, ny] = roi.volume.shape;
  const sum = [0, 0, 0, 0];
  for (let z = box.low[2]; z <= box.high[2]; z++)
    for (let y = box.low[1]; y <= box.high[1]; y++)
      for (let x = box.low[0]; x <= box.high[0]; x++)
        if (data[(z * ny + y) * nx + x]) {
          sum[0]! += x;
          sum[1]! += y;
          sum[2]! += z;
          sum[3]!++;
        }
  const at = sum.slice(0, 3).map((v) => v / sum[3]!) as unknown as Triple;
  return worldOf(roi, at);
}

/** World point of a voxel. */
export function worldOf(roi: Roi, [x, y, z]: Triple): Triple {
  const m = roi.volume.affine;
  const row = (r: number): number =>
    m[4 * r]! * x + m[4 * r + 1]! * y + m[4 * r + 2]! * z + m[4 * r + 3]!;
  return [row(0), row(1), row(2)];
}
