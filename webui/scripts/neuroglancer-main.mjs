// Neuroglancer as a part of our page: a viewer in an element, whose state can be read and set.
import "neuroglancer/unstable/util/polyfills.js";
import "neuroglancer/unstable/layer/enabled_frontend_modules.js";
import "neuroglancer/unstable/datasource/enabled_frontend_modules.js";
import "neuroglancer/unstable/kvstore/enabled_frontend_modules.js";
import "neuroglancer/unstable/ui/default_viewer.css";
import { setDefaultInputEventBindings } from "neuroglancer/unstable/ui/default_input_event_bindings.js";
import { makeMinimalViewer } from "neuroglancer/unstable/ui/minimal_viewer.js";
import { getCachedJson } from "neuroglancer/unstable/util/trackable.js";

/**
 * Open a viewer.
 * @param {HTMLElement} target where it goes; fills it
 * @param {unknown} state JSON of Neuroglancer's state
 * @param {(state: unknown) => void} changed told the state whenever it has changed
 */
export function open(target, state, changed) {
  const viewer = makeMinimalViewer({ target, showLayerDialog: false });
  setDefaultInputEventBindings(viewer.inputEventBindings);
  const restore = (wanted) => {
    viewer.state.reset();
    viewer.state.restoreState(wanted);
  };
  restore(state);
  viewer.registerDisposer(
    viewer.state.changed.add(() => changed(getCachedJson(viewer.state).value)),
  );
  return { restore, close: () => viewer.dispose() };
}
