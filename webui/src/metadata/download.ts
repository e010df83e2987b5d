// Files that the service makes from a question, and texts made here, saved by the browser.
import { BASE, csrfHeaders } from "../core/api";
import { toApiError } from "../core/problem";

export function saveBlob(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Ask with POST and save the answer under a name. */
export async function saveAnswer(where: string, body: unknown, name: string): Promise<void> {
  const response = await fetch(BASE + where, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", ...csrfHeaders() },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await toApiError(response, `POST ${where}`);
  saveBlob(await response.blob(), name);
}
