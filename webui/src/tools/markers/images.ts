// The images shown, as readers of values under points.
import { viewer } from "../../viewer";
import type { Reader } from "./table";

/** Values of every image shown, at its time point; null outside. */
export function readers(): Reader[] {
  return viewer.layers
    .filter((layer) => layer.isVolume && layer.volume)
    .map((layer) => {
      const volume = layer.volume!;
      const frame = Math.min(layer.frame, volume.frames - 1);
      const name = volume.frames > 1 ? `${layer.label} [t ${frame + 1}]` : layer.label;
      const read: Reader["read"] = (mm) => {
        const voxel = volume.voxelAt(mm);
        return voxel ? volume.value(voxel, frame) : null;
      };
      return { name, unit: "", read };
    });
}
