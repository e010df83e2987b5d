// What the menu of projects offers besides the projects themselves.
import Boxes from "@lucide/svelte/icons/boxes";
import FolderKanban from "@lucide/svelte/icons/folder-kanban";
import Settings from "@lucide/svelte/icons/settings";
import type { MenuItem } from "../core/menu.svelte";
import { navigate } from "../core/router.svelte";
import { t } from "../core/strings";

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
    { label: t("projects_all"), icon: FolderKanban, run: of("/projects") },
  ];
}
