// The queue of uploads of this page; it goes on while the user looks at something else.
import { api, BASE, csrfHeaders, path, queryText } from "../core/api";
import { ApiError, type Problem } from "../core/problem";
import { complain } from "../core/toast.svelte";
import type { Receipt } from "../core/types";
import { packs, zip } from "./zip";
import { parcels, type Parcel, type Picked } from "./picked";
import { fingerprint, sendParts, Speed, type Line, type Offset } from "./parts";

export type UploadState =
  "waiting" | "packing" | "sending" | "paused" | "sent" | "failed" | "cancelled";

export interface Target {
  project: string;
  subject: string;
  study: string;
  /** DICOM and Bruker data go to whom they say, only the rest to the target. */
  native?: boolean;
}

export class Upload {
  readonly id: number;
  readonly parcel: Parcel;
  readonly target: Target;
  readonly size: number;
  state: UploadState = $state("waiting");
  done = $state(0);
  error: unknown = $state.raw(null);
  receipt: Receipt | null = $state.raw(null);
  /** Bytes per second of late. */
  speed = $state(0);
  stop = new AbortController();
  key = "";
  private body: Blob | null = null;
  private readonly meter = new Speed();

  constructor(id: number, parcel: Parcel, target: Target) {
    this.id = id;
    this.parcel = parcel;
    this.target = target;
    this.size = parcel.files.reduce((sum, one) => sum + one.file.size, 0);
  }

  /** What is sent; packed once, so that it is the same when the upload goes on. */
  async packed(): Promise<Blob> {
    return (this.body ??= await bodyOf(this));
  }

  sent(bytes: number): void {
    this.done = bytes;
    this.speed = this.meter.at(performance.now(), bytes);
  }

  cancel(): void {
    this.stop.abort();
    if (this.state === "sent") return;
    this.state = "cancelled";
    if (this.key) api.delete(path("uploads", this.key)).catch(() => undefined);
    forget(this);
    void next();
  }

  pause(): void {
    this.state = "paused";
    this.stop.abort();
    void next();
  }

  /** Go on where it was, after a pause or a failure. */
  retry(): void {
    this.stop = new AbortController();
    this.meter.reset();
    this.error = null;
    this.speed = 0;
    this.state = "waiting";
    void next();
  }
}

let queue = $state.raw<Upload[]>([]);
let last = 0;

export const uploads = {
  get all(): Upload[] {
    return queue;
  },
  get paused(): boolean {
    return queue.some((one) => one.state === "paused");
  },
  get busy(): boolean {
    return queue.some((one) => ["waiting", "packing", "sending"].includes(one.state));
  },
};

export function enqueue(picked: readonly Picked[], target: Target): void {
  const made = parcels(picked).flatMap((parcel) => split(parcel));
  queue = [...queue, ...made.map((parcel) => new Upload(++last, parcel, { ...target }))];
  void next();
}

function split(parcel: Parcel): Parcel[] {
  if (!parcel.zipped) return [parcel];
  const parts = packs(parcel.files);
  if (parts.length === 1) return [parcel];
  const stem = parcel.name.replace(/\.zip$/, "");
  return parts.map((files, i) => ({ name: `${stem}-${i + 1}.zip`, files, zipped: true }));
}

export function clearFinished(): void {
  const open = ["waiting", "packing", "sending", "paused"];
  queue = queue.filter((one) => open.includes(one.state));
}

export function cancelAll(): void {
  for (const one of queue) if (one.state !== "sent" && one.state !== "failed") one.cancel();
}

export function pauseAll(): void {
  const going = queue.filter((one) => ["waiting", "sending"].includes(one.state));
  for (const one of going.reverse()) one.pause();
}

export function resumeAll(): void {
  for (const one of queue) if (one.state === "paused") one.retry();
}

async function next(): Promise<void> {
  if (queue.some((one) => one.state === "packing" || one.state === "sending")) return;
  const upload = queue.find((one) => one.state === "waiting");
  if (!upload) return;
  await run(upload);
  void next();
}

async function run(upload: Upload): Promise<void> {
  const { stop } = upload;
  try {
    const body = await upload.packed();
    upload.state = "sending";
    const known = upload.key || remembered(upload);
    const key = await sendParts(body, lineOf(upload, body), known, (key) => remember(upload, key));
    forget(upload);
    upload.receipt = await api.get<Receipt>(path("receipts", key));
    upload.state = "sent";
  } catch (error) {
    if (stop.signal.aborted) {
      if (upload.state !== "paused") upload.state = "cancelled";
    } else {
      upload.state = "failed";
      upload.error = error;
      complain(error, upload.parcel.name);
    }
  }
}

// An upload that was begun before the page was loaded anew goes on when its files are chosen again.
const slot = (upload: Upload): string => {
  const { project, subject, study, native = false } = upload.target;
  const newest = Math.max(...upload.parcel.files.map((one) => one.file.lastModified));
  const { name, files } = upload.parcel;
  const of = [project, subject, study, name, files.length, upload.size, newest, native ? 1 : 0];
  return `nora-upload-${fingerprint(of)}`;
};
const remembered = (upload: Upload): string => localStorage.getItem(slot(upload)) ?? "";

function remember(upload: Upload, key: string): void {
  upload.key = key;
  localStorage.setItem(slot(upload), key);
}

function forget(upload: Upload): void {
  localStorage.removeItem(slot(upload));
}

function lineOf(upload: Upload, body: Blob): Line {
  const { project, subject, study, native = false } = upload.target;
  const whose = { subject, study, native };
  const asked = { project, filename: upload.parcel.name, size_bytes: body.size, ...whose };
  return {
    begin: () => api.post<Offset>(`/uploads/parts${queryText(asked)}`),
    ask: (key) => api.get<Offset>(path("uploads", key)),
    put: (key, offset, part) => put(upload, key, offset, part),
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

async function bodyOf(upload: Upload): Promise<Blob> {
  const { parcel } = upload;
  if (!parcel.zipped) return parcel.files[0]!.file;
  upload.state = "packing";
  const files = [...parcel.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const entries = files.map(({ path, file }) => ({
    path,
    file,
    modified: file.lastModified,
  }));
  return zip(entries, { signal: upload.stop.signal, onprogress: (n) => (upload.done = n) });
}

function problemOf(request: XMLHttpRequest): Problem {
  try {
    return JSON.parse(request.responseText) as Problem;
  } catch {
    return { title: request.statusText || `HTTP ${request.status}` };
  }
}

/** XMLHttpRequest, because fetch does not tell how much has been sent. */
function put(upload: Upload, key: string, offset: number, part: Blob): Promise<Offset> {
  const url = `${BASE}${path("uploads", key)}${queryText({ offset })}`;
  return new Promise((resolve, reject) => {
    if (upload.stop.signal.aborted) return reject(new DOMException("stopped", "AbortError"));
    const request = new XMLHttpRequest();
    const fail = (problem: Problem): void => reject(new ApiError(problem, `PUT ${url}`));
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    for (const [name, value] of Object.entries(csrfHeaders()))
      request.setRequestHeader(name, value);
    upload.sent(offset);
    request.upload.onprogress = (event) => upload.sent(offset + event.loaded);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText) as Offset);
      else fail({ ...problemOf(request), status: request.status });
    };
    request.onerror = () =>
      fail({
        detail: "The connection broke off",
        hint: "Try again; what has come is kept.",
        key: "unreachable",
        status: 0,
      });
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    upload.stop.signal.addEventListener("abort", () => request.abort());
    request.send(part);
  });
}
