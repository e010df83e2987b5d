// Door of documents: a double click or a drop of a file that is no image opens its page.
import { navigate } from "../../core/router.svelte";
import { registerOpener } from "../../core/viewing.svelte";
import { documentKind } from "../../documents/kinds";
import { openLocalDocument } from "../../documents/local.svelte";
import { text } from "../../documents/strings";

export function install(): void {
  registerOpener({
    label: text.open,
    fits: (name) => documentKind(name) !== null,
    open: (file) => navigate(`/document/${file.id}`),
    openLocal: openLocalDocument,
  });
}
