// The queue of uploads of this page; it goes on while the user looks at something else.
import { BASE, csrfHeaders, queryText } from "../core/api";
import { ApiError, type Problem } from "../core/problem";
import { complain } from "../core/toast.svelte";
import type { Receipt } from "../core/types";
import { packs, zip } from "./zip";
import { parcels, type Parcel, type Picked } from "./picked";

export type UploadState = "waiting" | "packing" | "sending" | "sent" | "failed" | "cancelled";

export interface Target {
  project: string;
  subject: string;
  study: string;
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
  stop = new AbortController();

  constructor(id: number, parcel: Parcel, target: Target) {
    this.id = id;
    this.parcel = parcel;
    this.target = target;
    this.size = parcel.files.reduce((sum, one) => sum + one.file.size, 0);
  }

  cancel(): void {
    this.stop.abort();
    if (this.state !== "sent") this.state = "cancelled";
    void next();
  }

  retry(): void {
    this.stop = new AbortController();
    this.error = null;
    this.done = 0;
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
  queue = queue.filter((one) => ["waiting", "packing", "sending"].includes(one.state));
}

export function cancelAll(): void {
  for (const one of queue) if (one.state !== "sent" && one.state !== "failed") one.cancel();
}

async function next(): Promise<void> {
  if (queue.some((one) => one.state === "packing" || one.state === "sending")) return;
  const upload = queue.find((one) => one.state === "waiting");
  if (!upload) return;
  await run(upload);
  void next();
}

async function run(upload: Upload): Promise<void> {
  try {
    const body = await bodyOf(upload);
    upload.state = "sending";
    upload.done = 0;
    upload.receipt = await send(upload, body);
    upload.state = "sent";
  } catch (error) {
    if (upload.stop.signal.aborted) upload.state = "cancelled";
    else {
      upload.state = "failed";
      upload.error = error;
      complain(error, upload.parcel.name);
    }
  }
}

async function bodyOf(upload: Upload): Promise<Blob> {
  const { parcel } = upload;
  if (!parcel.zipped) return parcel.files[0]!.file;
  upload.state = "packing";
  const entries = parcel.files.map(({ path, file }) => ({
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
function send(upload: Upload, body: Blob): Promise<Receipt> {
  const { project, subject, study } = upload.target;
  const url = `${BASE}/uploads${queryText({ project, filename: upload.parcel.name, subject, study })}`;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (problem: Problem): void => reject(new ApiError(problem, `POST ${url}`));
    request.open("POST", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    for (const [name, value] of Object.entries(csrfHeaders()))
      request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => (upload.done = event.loaded);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText) as Receipt);
      else fail({ ...problemOf(request), status: request.status });
    };
    request.onerror = () =>
      fail({
        detail: "The connection broke off",
        hint: "Try again; nothing was kept.",
        key: "unreachable",
      });
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    upload.stop.signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
