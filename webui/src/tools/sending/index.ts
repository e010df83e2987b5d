// Door of the tool that sends a picture of a viewport to an archive.
import Send from "@lucide/svelte/icons/send";
import { openDialog } from "../../core/dialogs.svelte";
import { may } from "../../core/session.svelte";
import { t } from "../../core/strings";
import { attempt } from "../../core/toast.svelte";
import PushDialog from "../../exchange/PushDialog.svelte";
import { registerShotActions, type Shot } from "../../viewer";
import { base64Of, titleOf } from "./picture";

async function send({ canvas, name }: Shot, into: number): Promise<void> {
  const picture = await base64Of(canvas);
  openDialog(PushDialog, { what: { picture, into, title: titleOf(name) } });
}

export function install(): void {
  registerShotActions(({ base }) => {
    const into = base?.row?.study_id;
    if (!into || !may("editor")) return [];
    const run = (shot: Shot): void => void attempt(() => send(shot, into));
    return [{ id: "send", label: t("push_shot_menu"), icon: Send, run }];
  });
}
