// The shapes the service answers with, from its own description; only what it leaves wide is narrowed.
import type { components } from "./api.gen";

export type Schema = components["schemas"];
export type Level = "subject" | "study" | "file";
export type Letter = "q" | "r" | "e" | "d" | "k";

export interface Page<T> {
  items: T[];
  next: string | null;
  total: number;
}

export interface Items<T> {
  items: T[];
}

export type JobCounts = Schema["JobCounts"];
export type Project = Schema["Project"];
export type SubjectRow = Schema["SubjectRow"];
export type StudyRow = Schema["StudyRow"];
export type FileRow = Schema["FileRow"];
export type TiltSeriesSlices = Schema["TiltSeriesSlices"];
export type DirectiveForm = Schema["DirectiveForm"];
export type DirectiveRow = Schema["DirectiveRow"];
export type DirectiveTemplate = Schema["DirectiveTemplate"];
export type TagTable = Schema["ProjectTags"];
export type SessionInfo = Schema["SessionFacts"];
export type Identity = Schema["Identity"];
export type OriginalName = Schema["OriginalName"];
export type Operation = Schema["OperationDone"];

export type ReceiptState =
  "receiving" | "pending" | "working" | "waiting" | "done" | "partial" | "failed";
export type Receipt = Omit<Schema["Receipt"], "state"> & { state: ReceiptState };
export type ReceiptItem = Schema["ReceiptItem"];
export type ReceiptDetail = Receipt & { items: ReceiptItem[] };
