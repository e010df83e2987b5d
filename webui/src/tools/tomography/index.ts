// Door of pyramids and slides: a double click on one opens it in Neuroglancer.
import { navigate } from "../../core/router.svelte";
import { registerOpener } from "../../core/viewing.svelte";
import { text } from "../../tomography/strings";

export function install(): void {
  registerOpener({
    label: text.open,
    fits: (_name, kind) => kind === "pyramid",
    open: (file) => navigate(`/pyramid/${file.id}`),
  });
}
