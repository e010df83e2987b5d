// Sends a file in parts that can be paused, gone on with after a break, and found again.
import { ApiError } from "../core/problem";

export const PART_BYTES = 16 << 20;
const PATIENCE_MS = [500, 1000, 2000, 4000, 8000, 15000, 30000];

export interface Offset {
  key: string;
  offset_bytes: number;
  size_bytes: number;
}

/** How a sender reaches the service; another one stands in for it in tests. */
export interface Line {
  begin: () => Promise<Offset>;
  ask: (key: string) => Promise<Offset>;
  put: (key: string, offset: number, part: Blob) => Promise<Offset>;
  pause: (ms: number) => Promise<void>;
}

/** Whether it is worth while to ask how far the upload is and to go on. */
function passing(error: unknown, failed = 0): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 409) return failed < 4; // the end of a broken connection is not seen at once
  return (error.status === 0 || error.status >= 502) && failed < PATIENCE_MS.length;
}

/** Send all of a file, from where the service has it; gives the key of the arrival. */
export async function sendParts(
  body: Blob,
  line: Line,
  known = "",
  onkey: (key: string) => void = () => undefined,
): Promise<string> {
  let at = known ? await found(line, known, body.size) : null;
  at ??= await line.begin();
  onkey(at.key);
  let failed = 0;
  while (at.offset_bytes < body.size) {
    const { key, offset_bytes: from } = at;
    try {
      at = await line.put(key, from, body.slice(from, from + PART_BYTES));
      failed = 0;
    } catch (error) {
      if (!passing(error, failed)) throw error;
      await line.pause(PATIENCE_MS[failed++]!);
      at = await asked(line, at);
    }
  }
  return at.key;
}

/** An upload that was begun earlier, if it is still there and of the same size. */
async function found(line: Line, key: string, size: number): Promise<Offset | null> {
  try {
    const at = await line.ask(key);
    return at.size_bytes === size ? at : null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

async function asked(line: Line, last: Offset): Promise<Offset> {
  try {
    return await line.ask(last.key);
  } catch (error) {
    if (passing(error)) return last;
    throw error;
  }
}

/** Bytes per second over the last seconds. */
export class Speed {
  private marks: [number, number][] = [];

  reset(): void {
    this.marks = [];
  }

  at(ms: number, bytes: number): number {
    this.marks.push([ms, bytes]);
    while (this.marks.length > 2 && ms - this.marks[0]![0] > 5000) this.marks.shift();
    const [begin, from] = this.marks[0]!;
    return ms > begin ? Math.max(0, ((bytes - from) * 1000) / (ms - begin)) : 0;
  }
}

/** What makes two uploads the same, without a name in it. */
export function fingerprint(parts: readonly (string | number)[]): string {
  const text = JSON.stringify(parts);
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 2654435761);
    b = Math.imul(b ^ text.charCodeAt(i), 1597334677);
  }
  return [a ^ (b >>> 13), b ^ (a >>> 16)]
    .map((word) => (word >>> 0).toString(16).padStart(8, "0"))
    .join("");
}
