// What the menu of projects offers besides the projects themselves.
import FileOutput from "@lucide/svelte/icons/file-output";
import Boxes from "@lucide/svelte/icons/boxes";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import FolderKanban from "@lucide/svelte/icons/folder-kanban";
import Settings from "@lucide/svelte/icons/settings";
import { openDialog } from "../core/dialogs.svelte";
import type { MenuItem } from "../core/menu.svelte";
import { navigate } from "../core/router.svelte";
import { may } from "../core/session.svelte";
import { t } from "../core/strings";
import DicomDialog from "../exchange/DicomDialog.svelte";
import RecomputeDialog from "../jobs/provenance/RecomputeDialog.svelte";
import { selection } from "../table/selection.svelte";

export function projectPages(project: string): MenuItem[] {
  const of =
    (path: string): MenuItem["run"] =>
    () =>
      navigate(path);
  const none = project === "";
  return [
    {
      label: t("projects_settings_menu"),
      icon: Settings,
      disabled: none,
      run: of("/projects/settings"),
    },
    { label: t("projects_bids_menu"), icon: Boxes, disabled: none, run: of("/projects/bids") },
    {
      label: t("dicom_menu"),
      icon: FileOutput,
      disabled: none || !may("download"),
      run: () => openDialog(DicomDialog, { project, studies: selection.targets }),
    },
    {
      label: t("prov_recompute_menu"),
      icon: RefreshCw,
      disabled: none || !may("batch"),
      run: () => openDialog(RecomputeDialog, { project, what: project }),
    },
    { label: t("projects_all"), icon: FolderKanban, run: of("/projects") },
  ];
}
