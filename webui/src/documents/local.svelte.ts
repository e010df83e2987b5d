// The file of this computer that is open as a document; it lives in this page only.
import { navigate } from "../core/router.svelte";

let held = $state.raw<File | null>(null);

export const localFile = (): File | null => held;

export function openLocalDocument(file: File): void {
  held = file;
  navigate("/document/local");
}
