// Brings an image into memory: streamed from the service (middle slice first) or from a local file.
import type { ComplexPart } from "./local/complex";
import type { NiftiHeader, StoredArray } from "./nifti";
import {
  bytesAhead,
  HEADER_BYTES,
  NiftiError,
  parseHeader,
  reading,
  samples,
  swapBytes,
} from "./nifti";
import { toApiError } from "../core/problem";
import type { ReadRange } from "./series";
import { SeriesVolume } from "./series";
import { text } from "./strings";
import { Volume } from "./volume";

export interface LoadEvents {
  signal?: AbortSignal;
  /** The volume exists; its samples are still arriving. */
  onHeader?: (volume: Volume) => void;
  /** One slice along k has arrived ahead of the rest. */
  onSlice?: (volume: Volume, k: number) => void;
  /** Fraction 0..1 of the bytes received. */
  onProgress?: (fraction: number) => void;
  /** Never read it by time points: everything is needed at once. */
  whole?: boolean;
}

/** Smaller files are simply read: the extra request would cost more than it brings. */
const EARLY_SLICE_BYTES = 3 * 2 ** 20;
const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The file's bytes, growing as they arrive. */
class Receiver {
  private head: Uint8Array[] = [];
  private headBytes = 0;
  bytes: Uint8Array<ArrayBuffer> | null = null;
  header: NiftiHeader | null = null;
  at = 0;

  push(chunk: Uint8Array): void {
    if (this.bytes) return this.put(chunk);
    this.head.push(chunk);
    this.headBytes += chunk.length;
    if (this.headBytes < HEADER_BYTES || this.header) return;
    const start = join(this.head).buffer;
    if (this.headBytes >= bytesAhead(start)) this.header = parseHeader(start);
  }

  /** Make room for the samples. */
  begin(): void {
    if (this.bytes || !this.header) return;
    this.bytes = new Uint8Array(this.allocate(this.header));
    for (const part of this.head) this.put(part);
    this.head = [];
  }

  private allocate({ dataOffset, dataBytes }: NiftiHeader): ArrayBuffer {
    if (dataBytes > reading.maxBytes)
      throw new NiftiError(
        `The image holds ${(dataBytes / 1e6).toFixed(0)} MB, more than the ${(reading.maxBytes / 1e6).toFixed(0)} MB that are allowed.`,
        "Crop it, or raise the limit in the settings of the viewer (S).",
      );
    try {
      return new ArrayBuffer(dataOffset + dataBytes);
    } catch {
      const gigabytes = (dataBytes / 2 ** 30).toFixed(1);
      throw new NiftiError(
        `The image needs ${gigabytes} GB, more than this browser gives.`,
        "Close other images or crop it first.",
      );
    }
  }

  private put(chunk: Uint8Array): void {
    const room = this.bytes!.length - this.at;
    if (room > 0) this.bytes!.set(chunk.length > room ? chunk.subarray(0, room) : chunk, this.at);
    this.at += chunk.length;
  }

  /** All samples in the byte order of this machine. */
  finish(): { header: NiftiHeader; data: StoredArray } {
    const { header, bytes } = this;
    if (!header || !bytes) throw new NiftiError("The file is too short to be an image.");
    if (this.at < bytes.length)
      throw new NiftiError(
        `The file ends after ${this.at} of ${bytes.length} bytes.`,
        "It may be cut; send or convert it again.",
      );
    if (!header.littleEndian && header.bytesPerSample > 1)
      swapBytes(bytes.subarray(header.dataOffset), header.bytesPerSample);
    return { header, data: samples(header, bytes.buffer) };
  }
}

/** Whether samples can be used as they are in the file. */
const asStored = (header: NiftiHeader): boolean =>
  header.littleEndian && !header.dtype.endsWith("int64");

/** Whether samples can be used in place while the rest is still arriving. */
const early = (header: NiftiHeader): boolean =>
  asStored(header) &&
  header.dataOffset % header.bytesPerSample === 0 &&
  header.dataBytes >= EARLY_SLICE_BYTES;

/** Whether a series is so long that its time points are read when they are shown. */
function tooLong(header: NiftiHeader, on: LoadEvents): boolean {
  return (
    !on.whole && header.frames > 1 && asStored(header) && header.dataBytes > reading.streamBytes
  );
}

/** A series of which the first time point is there. */
async function series(name: string, header: NiftiHeader, read: ReadRange, on: LoadEvents) {
  const volume = new SeriesVolume(name, header, read);
  on.onHeader?.(volume);
  await volume.ensure(0);
  on.onProgress?.(1);
  return volume;
}

/** Parts of a file of the service, which must not have changed meanwhile. */
function partsOf(url: string, etag: string | null): ReadRange {
  return async (from, length, signal) => {
    const headers: Record<string, string> = { Range: `bytes=${from}-${from + length - 1}` };
    if (etag) headers["If-Range"] = etag;
    const response = await fetch(url, { headers, credentials: "same-origin", signal });
    if (response.status === 206) return response.arrayBuffer();
    if (!response.ok) throw await toApiError(response, `GET ${url}`);
    await response.body?.cancel();
    throw new NiftiError("The file has changed meanwhile.", "Open it again.");
  };
}

const partsOfFile =
  (file: File): ReadRange =>
  (from, length) =>
    file.slice(from, from + length).arrayBuffer();

/** Fetch the middle slice along k of frame 0 into its place. */
async function middleSlice(url: string, receiver: Receiver, volume: Volume, on: LoadEvents) {
  const [nx, ny, nz] = volume.shape;
  const k = Math.floor(nz / 2);
  const { channels, bytesPerSample, dataOffset } = volume.header;
  const length = nx * ny * channels * bytesPerSample;
  const from = dataOffset + k * length;
  const headers = { Range: `bytes=${from}-${from + length - 1}` };
  const response = await fetch(url, {
    headers,
    credentials: "same-origin",
    signal: on.signal ?? null,
  });
  if (response.status !== 206) return void (await response.body?.cancel());
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length !== length) return;
  receiver.bytes!.set(bytes, from);
  volume.early.add(k);
  volume.revision++;
  on.onSlice?.(volume, k);
}

async function receive(
  stream: ReadableStream<Uint8Array>,
  name: string,
  url: string | null,
  total: number,
  on: LoadEvents,
  parts: ReadRange | null = null,
): Promise<Volume> {
  const receiver = new Receiver();
  const reader = stream.getReader();
  let volume: Volume | null = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    receiver.push(value);
    const { header } = receiver;
    if (parts && header && !receiver.bytes && tooLong(header, on)) {
      await reader.cancel();
      return series(name, header, parts, on);
    }
    receiver.begin();
    if (!volume && header && early(header)) {
      volume = new Volume(name, header, samples(header, receiver.bytes!.buffer));
      on.onHeader?.(volume);
      // The stream waits in the meantime: the slice is small and what the user looks at first.
      if (url) await middleSlice(url, receiver, volume, on).catch(ignoreUnlessAborted);
    }
    on.onProgress?.(Math.min(1, receiver.at / (receiver.bytes?.length ?? Math.max(total, 1))));
  }
  const { header, data } = receiver.finish();
  volume ??= new Volume(name, header, data);
  volume.data = data;
  volume.complete = true;
  volume.revision++;
  return volume;
}

function ignoreUnlessAborted(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") throw error;
}

/** Load an image of the service. */
export async function loadUrl(url: string, name: string, on: LoadEvents = {}): Promise<Volume> {
  const response = await fetch(url, { credentials: "same-origin", signal: on.signal ?? null });
  if (!response.ok) throw await toApiError(response, `GET ${url}`);
  if (!response.body) throw new NiftiError("The service sent an empty answer.");
  const known = response.headers;
  const parts = known.get("Accept-Ranges") === "bytes" ? partsOf(url, known.get("ETag")) : null;
  return receive(response.body, name, url, Number(known.get("Content-Length")), on, parts);
}

/** Load a file of this computer; nothing leaves it. Other formats are converted in the page. */
export async function loadFile(
  given: File,
  on: LoadEvents = {},
  part: ComplexPart = "magnitude",
): Promise<Volume> {
  const { readable } = await import("./local");
  const file = await readable(given, part);
  const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const raw = file.stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
  const plain = isGzip(start) ? raw.pipeThrough(new DecompressionStream("gzip")) : raw;
  const total = isGzip(start) ? file.size * 3 : file.size;
  const parts = isGzip(start) ? null : partsOfFile(file);
  return receive(plain, file.name, null, total, on, parts).catch((error: unknown) => {
    // What the browser says of a broken stream is no sentence for a person.
    if (isGzip(start) && error instanceof TypeError)
      throw new NiftiError(text.damaged, text.damagedHint);
    throw error;
  });
}
