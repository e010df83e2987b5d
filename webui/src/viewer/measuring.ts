// The one ruler and angle tool of the page.
import { Measuring } from "./measuring.svelte";
import { viewer } from "./viewer.svelte";

export const measuring = new Measuring(viewer);
