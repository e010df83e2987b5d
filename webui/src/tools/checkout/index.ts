// Door of editing elsewhere: the menus come from `menu`; here the list gets its place in the palette.
import { registerActions } from "../../core/actions.svelte";
import { openDialog } from "../../core/dialogs.svelte";
import CheckoutDialog from "./CheckoutDialog.svelte";
import { text } from "./strings";

export function install(): void {
  registerActions([
    {
      id: "checkout.list",
      label: text.list,
      context: "global",
      group: "Images",
      run: () => openDialog(CheckoutDialog, { file: null }),
    },
  ]);
}
