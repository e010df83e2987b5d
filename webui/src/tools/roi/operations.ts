// What can be done with a ROI: the one list that its menu and the command palette are made from.
import { openDialog } from "../../core/dialogs.svelte";
import type { MenuItem } from "../../core/menu.svelte";
import { t, type StringKey } from "../../core/strings";
import { complain, inform } from "../../core/toast.svelte";
import { sendItem } from "../../exchange/pushing";
import { viewer } from "../../viewer";
import { editItems } from "../checkout/menu";
import type { Edit } from "./jobs";
import type { Triple } from "./kernels/box";
import { clip, cut, sizeOf } from "./kernels/box";
import { nearestVoxel } from "./kernels/pens";
import type { SetOperation } from "./kernels/shaping";
import type { Roi } from "./roi.svelte";
import { rois, worldOf } from "./rois.svelte";
import { download } from "./saving";
import { settings } from "./settings.svelte";
import VersionsDialog from "./versions/VersionsDialog.svelte";

export interface Operation {
  id: string;
  label: () => string;
  /** For a small button. */
  short?: string;
  run: (roi: Roi) => unknown;
  danger?: boolean;
  enabled?: (roi: Roi) => boolean;
}

const CROP_MARGIN = 5;

const edit = (
  id: string,
  label: () => string,
  make: (roi: Roi) => Edit | null,
  more: Partial<Operation> & { allFrames?: boolean } = {},
): Operation => ({
  id,
  label,
  enabled: (roi) => !roi.busy,
  run: (roi) => {
    const made = make(roi);
    return made && rois.edit(roi, made, label(), more.allFrames);
  },
  ...more,
});

const text = (key: StringKey) => () => t(key);

const voxelMm = ({ volume: { affine } }: Roi): Triple =>
  [0, 1, 2].map((c) => Math.hypot(affine[c]!, affine[4 + c]!, affine[8 + c]!)) as unknown as Triple;

/** Voxels to each side for a width in mm; an axis of one voxel is left alone. */
export function smoothRadius(roi: Roi, mm: number): Triple {
  return voxelMm(roi).map((step, a) =>
    roi.volume.shape[a]! > 1 ? Math.min(8, Math.max(1, Math.round(mm / step))) : 0,
  ) as unknown as Triple;
}

/** Axis of the matrix that the active viewport looks along. */
function lookedAlong(roi: Roi): number {
  const normal = viewer.view(viewer.activeViewport)?.axes.normal ?? [0, 0, 1];
  const m = roi.volume.affine;
  const along = [0, 1, 2].map(
    (c) =>
      Math.abs(m[c]! * normal[0] + m[4 + c]! * normal[1] + m[8 + c]! * normal[2]) /
      voxelMm(roi)[c]!,
  );
  return along.indexOf(Math.max(...along));
}

function atCrosshair(roi: Roi): Edit | null {
  const { shape } = roi.volume;
  const voxel = nearestVoxel(roi.matrix, viewer.crosshairOf(viewer.activeViewport));
  const at = (voxel[2] * shape[1] + voxel[1]) * shape[0] + voxel[0];
  if (!roi.volume.contains(voxel) || !roi.frameData()[at]) {
    inform(t("roi_empty", { name: t("roi_seed") }));
    return null;
  }
  return { op: "island", voxel: at, keep: true };
}

const mirror = (axis: number): ((roi: Roi) => Edit) => {
  const normal = [0, 1, 2].map((a) => Number(a === axis)) as unknown as Triple;
  return ({ matrix }) => ({
    op: "mirror",
    matrix: plain(matrix),
    point: [...viewer.crosshairOf(viewer.activeViewport)] as unknown as Triple,
    normal,
  });
};

const plain = <T>(value: T): T => structuredClone(value);

function withPartners(op: SetOperation): (roi: Roi) => Edit | null {
  return (roi) => {
    const ticked = rois.list.filter((one) => one.partner && one !== roi);
    if (!ticked.length) {
      inform(t("roi_no_partner"));
      return null;
    }
    const partners = ticked.map((one) => ({
      mask: one.frameData(Math.min(roi.frame, one.volume.frames - 1)).slice(),
      matrix: plain(one.matrix),
    }));
    return { op, matrix: plain(roi.matrix), partners };
  };
}

/** A new ROI with a smaller matrix; every voxel stays where it is in the world. */
export function cropMatrix(roi: Roi): void {
  const { shape, frames, affine } = roi.volume;
  const box = roi.counts
    .map((_, t0) => roi.bounds(t0))
    .reduce((a, b) => (a && b ? hull(a, b) : (a ?? b)), null);
  const inside = box && clip(box, shape, CROP_MARGIN);
  if (!inside) return void inform(t("roi_empty", { name: roi.name }));
  const size = sizeOf(inside);
  const n = size[0] * size[1] * size[2];
  const data = new Uint8Array(n * frames);
  for (let f = 0; f < frames; f++) data.set(cut(roi.frameData(f), shape, inside), f * n);
  const corner = worldOf(roi, inside.low);
  const moved = affine.map((v, i) => (i % 4 === 3 && i < 12 ? corner[(i - 3) / 4]! : v));
  const { frameSeconds } = roi.volume.header;
  const { length } = roi;
  const geometry = { shape: size, affine: moved, frames, frameSeconds, length };
  const made = rois.add(
    rois.uniqueName(`${roi.name.replace(/\.nii(\.gz)?$/, "")}_crop`),
    geometry,
    null,
    data,
  );
  Object.assign(made, {
    reference: roi.reference,
    referenceName: roi.referenceName,
    ownGrid: true,
  });
  made.dirty = true;
}

type Box = NonNullable<ReturnType<Roi["bounds"]>>;
const hull = (a: Box, b: Box): Box => ({
  low: a.low.map((v, i) => Math.min(v, b.low[i]!)) as unknown as Triple,
  high: a.high.map((v, i) => Math.max(v, b.high[i]!)) as unknown as Triple,
});

export const SHAPE: readonly Operation[] = [
  edit("erode", text("roi_erode"), () => ({ op: "erode", steps: settings.steps })),
  edit("dilate", text("roi_dilate"), () => ({ op: "dilate", steps: settings.steps })),
  edit("open", text("roi_open"), () => ({ op: "open", steps: settings.steps })),
  edit("close", text("roi_close"), () => ({ op: "close", steps: settings.steps })),
  edit("fill", text("roi_fill"), () => ({ op: "fill" })),
  edit("smooth", text("roi_smooth"), (roi) => ({
    op: "smooth",
    radius: smoothRadius(roi, settings.smoothMm),
  })),
  edit(
    "between",
    text("roi_between"),
    (roi) => ({
      op: "between",
      axis: lookedAlong(roi),
      voxelMm: voxelMm(roi),
    }),
    { short: t("roi_between_short") },
  ),
  edit("invert", text("roi_invert"), () => ({ op: "invert" }), { allFrames: true }),
];

export const ISLANDS: readonly Operation[] = [
  edit(
    "salt",
    () => t("roi_salt", { n: settings.saltVoxels }),
    () => ({ op: "salt", threshold: settings.saltVoxels }),
    { short: t("roi_salt_short") },
  ),
  edit("largest", text("roi_largest"), () => ({ op: "largest", count: 1 }), {
    short: t("roi_largest_short"),
  }),
  edit("seed", text("roi_seed"), atCrosshair, { short: t("roi_seed_short") }),
];

export const SETS: readonly Operation[] = [
  edit("union", text("roi_union"), withPartners("union"), { short: t("roi_union_short") }),
  edit("intersection", text("roi_intersection"), withPartners("intersection"), {
    short: t("roi_intersection_short"),
  }),
  edit("difference", text("roi_difference"), withPartners("difference"), {
    short: t("roi_difference_short"),
  }),
];

export const MIRROR: readonly Operation[] = [
  edit("mirror.x", text("roi_mirror_x"), mirror(0), { short: t("roi_mirror_x_short") }),
  edit("mirror.y", text("roi_mirror_y"), mirror(1), { short: t("roi_mirror_y_short") }),
  edit("mirror.z", text("roi_mirror_z"), mirror(2), { short: t("roi_mirror_z_short") }),
];

export const OTHER: readonly Operation[] = [
  {
    id: "versions",
    label: text("roiver_open_list"),
    run: (roi) => openDialog(VersionsDialog, { roi }),
    enabled: (roi) => roi.saved !== null,
  },
  { id: "crop", label: text("roi_crop"), run: cropMatrix },
  { id: "clone", label: text("roi_clone"), run: (roi) => rois.clone(roi) },
  { id: "download", label: text("roi_download"), run: (roi) => download(roi).catch(complain) },
  edit("clear", text("roi_clear"), () => ({ op: "clear" }), { allFrames: true, danger: true }),
  { id: "delete", label: text("roi_delete"), run: (roi) => rois.remove(roi), danger: true },
];

export const OPERATIONS: readonly Operation[] = [
  ...SHAPE,
  ...ISLANDS,
  ...SETS,
  ...MIRROR,
  ...OTHER,
];

/** The menu of a ROI (ROI-09). */
export function roiMenu(roi: Roi, rename: () => void): MenuItem[] {
  const items = (operations: readonly Operation[], separate = true): MenuItem[] =>
    operations.map(({ label, run, danger = false, enabled }, i) => ({
      label: label(),
      danger,
      separate: separate && i === 0,
      disabled: enabled ? !enabled(roi) : false,
      run: () => void run(roi),
    }));
  const named = { label: t("roi_rename"), run: rename };
  const { saved, reference, name } = roi;
  const stored = saved
    ? [
        ...editItems({ id: saved.id, name, reference: reference?.id }, true),
        sendItem({ files: [saved.id], rois: true, reference: reference?.id, title: name }),
      ]
    : [];
  return [
    named,
    ...items(OTHER, false),
    ...stored,
    ...items(SHAPE),
    ...items(ISLANDS),
    ...items(SETS),
  ];
}
