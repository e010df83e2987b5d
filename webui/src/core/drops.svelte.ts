// Files from the computer dropped on a part of the frame; whoever takes uploads plugs in here.

export interface DropTarget {
  project: string;
  subject: string;
  study: string;
}

type Take = (transfer: DataTransfer, target: DropTarget) => void;

let take: Take | null = null;

export function onFileDrop(handler: Take): () => void {
  take = handler;
  return () => (take = null);
}

export const hasFiles = (event: DragEvent): boolean =>
  take !== null && (event.dataTransfer?.types.includes("Files") ?? false);

/** Must run inside the drop event: the list of files dies with it. */
export function dropFiles(event: DragEvent, target: DropTarget): void {
  event.preventDefault();
  if (event.dataTransfer) take?.(event.dataTransfer, target);
}
