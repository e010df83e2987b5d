// The menu of predefined jobs, grouped by the first parts of their menu path.
import type { MenuItem } from "../core/menu.svelte";
import { t } from "../core/strings";
import type { Language, Tool } from "../core/types-jobs";

/** "Processing/Image/Threshold", also with arrows or ">" between the parts. */
export const menuPath = (menu: string): string[] =>
  menu
    .split(/\s*(?:\/|→|>)\s*/)
    .map((part) => part.trim())
    .filter(Boolean);

/** Group title of a tool: its menu path without its own name. */
export function groupOf(tool: Tool): string {
  const parts = menuPath(tool.menu);
  const own = parts.at(-1) === tool.name ? parts.slice(0, -1) : parts;
  return own.join(" › ") || t("batch_tools");
}

export function addMenu(
  tools: readonly Tool[],
  addTool: (tool: Tool) => void,
  addCode: (language: Language) => void,
): MenuItem[] {
  const languages: Language[] = ["bash", "python", "matlab"];
  const items: MenuItem[] = [
    { label: t("batch_code"), heading: true },
    ...languages.map((one): MenuItem => ({ label: t(`lang_${one}`), run: () => addCode(one) })),
  ];
  const groups = new Map<string, Tool[]>();
  for (const tool of tools) groups.set(groupOf(tool), [...(groups.get(groupOf(tool)) ?? []), tool]);
  // What is not installed comes last: nobody has to look past it.
  const ready = ([, members]: [string, Tool[]]): number =>
    members.some((tool) => !tool.missing) ? 0 : 1;
  for (const [group, members] of [...groups].sort((a, b) => ready(a) - ready(b))) {
    items.push({ label: group, heading: true, separate: true });
    for (const tool of members) {
      items.push({
        label: tool.name,
        detail: tool.missing
          ? t("tool_missing")
          : tool.level === "study"
            ? ""
            : t(`blevel_${tool.level}`),
        title: tool.missing || tool.description,
        disabled: tool.missing !== "",
        run: () => addTool(tool),
      });
    }
  }
  return items;
}
