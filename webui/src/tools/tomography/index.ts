// Door of pyramids and slides: a double click on one opens it in Neuroglancer.
import { registerArgumentForm } from "../../core/argforms";
import { navigate } from "../../core/router.svelte";
import { registerOpener } from "../../core/viewing.svelte";
import { text } from "../../tomography/strings";
import DirectivesRow from "./DirectivesRow.svelte";

export function install(): void {
  for (const tool of ["tomography.tomogram", "tomography.reconstruct_again"])
    registerArgumentForm(tool, "directives", DirectivesRow);
  registerOpener({
    label: text.open,
    fits: (_name, kind) => kind === "pyramid",
    open: (file) => navigate(`/pyramid/${file.id}`),
  });
}
