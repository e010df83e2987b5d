// Door of pyramids: a double click on the file info of one opens it in Neuroglancer.
import { navigate } from "../../core/router.svelte";
import { registerOpener } from "../../core/viewing.svelte";
import { text } from "../../tomography/strings";

export function install(): void {
  registerOpener({
    label: text.open,
    fits: (name) => name === "info",
    open: (file) => navigate(`/pyramid/${file.id}`),
  });
}
