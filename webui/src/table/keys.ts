// The keys of the table, as entries of the one key map.
import { registerActions, type Action } from "../core/actions.svelte";
import { t } from "../core/strings";

export interface TableCommands {
  move: (step: number, extend: boolean) => void;
  edge: (end: boolean) => void;
  open: () => void;
  check: (extend: boolean) => void;
  inward: () => void;
  outward: () => void;
  trash: () => void;
  menu: () => void;
  all: () => void;
  tags: () => void;
  copy: () => void;
}

export function tableActions(command: TableCommands): () => void {
  const key = (id: string, label: string, keys: string[], run: () => void): Action => ({
    id: `table.${id}`,
    label,
    keys,
    context: "table",
    keysOnly: true,
    run,
  });
  return registerActions([
    key("up", t("key_row_up"), ["Up"], () => command.move(-1, false)),
    key("down", t("key_row_down"), ["Down"], () => command.move(1, false)),
    key("extend_up", t("key_extend_up"), ["Shift+Up"], () => command.move(-1, true)),
    key("extend_down", t("key_extend_down"), ["Shift+Down"], () => command.move(1, true)),
    key("page_up", t("key_page_up"), ["PageUp"], () => command.move(-10, false)),
    key("page_down", t("key_page_down"), ["PageDown"], () => command.move(10, false)),
    key("first", t("key_first"), ["Home"], () => command.edge(false)),
    key("last", t("key_last"), ["End"], () => command.edge(true)),
    key("inward", t("key_inward"), ["Right"], command.inward),
    key("outward", t("key_outward"), ["Left"], command.outward),
    key("open", t("key_open"), ["Enter"], command.open),
    key("check", t("key_check"), ["Space"], () => command.check(false)),
    key("check_range", t("key_check_range"), ["Shift+Space"], () => command.check(true)),
    key("menu", t("key_menu"), ["ContextMenu", "Shift+F10"], command.menu),
    key("all", t("check_all"), ["Ctrl+A"], command.all),
    key("tags", t("tags_edit"), ["t"], command.tags),
    key("copy", t("copy_names"), ["Ctrl+C"], command.copy),
    key("trash", t("trash"), ["Del"], command.trash),
  ]);
}
