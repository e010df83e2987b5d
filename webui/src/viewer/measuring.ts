// The one ruler and angle tool of the page.
import { Measuring } from "./measuring.svelte";
import { registerPointer } from "./pointers.svelte";

export const measuring = new Measuring();
registerPointer(measuring.tool());
