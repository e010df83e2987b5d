// What is being dragged over a viewport: a file of the table, of this computer, or a shown layer.

export const ROW = "application/x-nora-file";
export const LAYER = "application/x-nora-layer";

export function accepts(event: DragEvent): boolean {
  const types = event.dataTransfer?.types ?? [];
  return [ROW, LAYER, "Files"].some((type) => types.includes(type));
}

export const isLocalDrag = (event: DragEvent): boolean =>
  Boolean(event.dataTransfer?.types.includes("Files")) && !event.dataTransfer?.types.includes(ROW);

export const isLayerDrag = (event: DragEvent): boolean =>
  Boolean(event.dataTransfer?.types.includes(LAYER));

/** A layer on its way to another viewport. */
export interface Carried {
  layer: string;
  viewport: number;
}

export function carried(event: DragEvent): Carried | null {
  const text = event.dataTransfer?.getData(LAYER);
  return text ? (JSON.parse(text) as Carried) : null;
}
