// Keys and palette entries of the ROI tool, out of the one table of actions.
import type { Action } from "../../core/actions.svelte";
import { openDialog } from "../../core/dialogs.svelte";
import { t } from "../../core/strings";
import { history } from "../history.svelte";
import { newRoi } from "./creating";
import { OPERATIONS } from "./operations";
import { outlines } from "./outlines.svelte";
import { resize } from "./pointer";
import { rois } from "./rois.svelte";
import { saveAll } from "./saving";
import { setRoi, type PenKind } from "./settings.svelte";
import StatisticsDialog from "./statistics/StatisticsDialog.svelte";

const PENS: readonly PenKind[] = ["pen", "threshold", "magic", "connected", "grow", "polygon"];

const act = (
  id: string,
  label: string,
  keys: string[],
  run: () => unknown,
  enabled?: () => boolean,
): Action => ({
  id: `roi.${id}`,
  label,
  context: "viewer",
  group: t("roi_tool"),
  keys,
  ...(enabled ? { enabled } : {}),
  run: () => void run(),
});

const hasRoi = (): boolean => rois.current !== null;

/** Space: drawing on or off; makes the last ROI current when none is (ROI-16). */
function toggle(): void {
  if (!rois.current) rois.select(rois.list.at(-1) ?? null);
  if (rois.current) rois.drawing = !rois.drawing;
}

function toggleAll(): void {
  rois.setVisible(rois.list.some((roi) => !roi.layer.visible));
}

const withOutline = (run: (id: number) => void) => () => {
  const last = outlines.last;
  if (last) run(last.id);
};

export function roiActions(): Action[] {
  const outline = (): boolean => outlines.all.length > 0;
  return [
    act("toggle", t("roi_draw"), ["Space"], toggle, () => rois.list.length > 0),
    act(
      "stop",
      t("roi_current_off"),
      ["Esc"],
      () => (rois.drawing = false),
      () => rois.drawing,
    ),
    act(
      "undo",
      t("roi_undo"),
      ["Ctrl+Z"],
      () => history.undo(),
      () => history.undoLabel !== null,
    ),
    act(
      "redo",
      t("roi_redo"),
      ["Ctrl+Shift+Z", "Ctrl+Y"],
      () => history.redo(),
      () => history.redoLabel !== null,
    ),
    act("new", t("roi_new"), ["Shift+N"], newRoi),
    act("visible", t("roi_all_visible"), ["v"], toggleAll, () => rois.list.length > 0),
    act("larger", t("roi_larger"), ["]", "+"], () => resize(1), hasRoi),
    act("smaller", t("roi_smaller"), ["[", "-"], () => resize(-1), hasRoi),
    act("outline.fill", t("roi_fill_outline"), ["Enter"], withOutline(finish), outline),
    act(
      "outline.drop",
      t("roi_drop_outline"),
      ["Del"],
      withOutline((id) => outlines.drop(id)),
      outline,
    ),
    act("statistics", t("roistat_title"), ["Shift+T"], () => openDialog(StatisticsDialog, {})),
    act("save", t("roi_save_all"), ["Ctrl+S"], saveAll, () => rois.dirty.length > 0),
    ...PENS.map((pen, i) =>
      act(`pen.${pen}`, t(`roi_pen_${pen}`), [`Shift+F${i + 1}`], () => {
        setRoi("pen", pen);
        if (rois.current) rois.drawing = true;
      }),
    ),
    ...OPERATIONS.map(({ id, label, run, enabled }) =>
      act(
        `do.${id}`,
        `ROI: ${label()}`,
        [],
        () => rois.current && run(rois.current),
        () => rois.current !== null && (enabled?.(rois.current) ?? true),
      ),
    ),
  ];
}

/** Enter closes an open outline first, then fills it. */
function finish(id: number): void {
  if (outlines.open) outlines.close(id);
  else outlines.fill(id);
}
