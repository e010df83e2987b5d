// The shapes the service answers with; one word per thing, as in the manual.

export type Level = "subject" | "study" | "file";
export type Letter = "q" | "r" | "e" | "d" | "k";

export interface Page<T> {
  items: T[];
  next: string | null;
  total: number;
}

export interface JobCounts {
  q: number;
  r: number;
  e: number;
  d: number;
}

export interface Project {
  key: string;
  name: string;
  module: string;
  state: string;
  n_subjects: number;
  n_studies: number;
  n_files: number;
  size_bytes: number;
  created_at: string;
}

export interface SubjectRow {
  id: number;
  key: string;
  pid: string;
  sex: string | null;
  tags: string[];
  n_studies: number;
  n_files: number;
  last_date: string | null;
  jobs: JobCounts;
}

export interface StudyRow {
  id: number;
  key: string;
  psid: string;
  subject_id: number;
  pid: string;
  sex: string | null;
  sid: string;
  date: string | null;
  age_years: number | null;
  description: string | null;
  modalities: string[];
  tags: string[];
  subject_tags: string[];
  n_files: number;
  size_bytes: number;
  jobs: JobCounts;
  preview_url: string | null;
}

export interface SeriesInfo {
  number: number | null;
  description: string | null;
  protocol: string | null;
  modality: string | null;
}

export interface HeaderInfo {
  shape: number[];
  voxel_mm: number[];
  dtype: string;
  n_volumes: number;
}

export interface FileRow {
  id: number;
  key: string;
  study_id: number;
  psid: string;
  path: string;
  folder: string;
  name: string;
  kind: string;
  size_bytes: number;
  mtime: string;
  version: string;
  tags: string[];
  series: SeriesInfo | null;
  header: HeaderInfo | null;
  content_url: string;
  volume_url: string | null;
  preview_url: string | null;
  origin: string | null;
}

export interface TagCount {
  name: string;
  n: number;
}

export interface TagTable {
  subject: TagCount[];
  study: TagCount[];
  file: TagCount[];
}

export interface User {
  login: string;
  is_admin: boolean;
  rights: string[];
}

export interface SessionInfo {
  user: User;
  csrf: string;
  version: string;
  project_default: string;
}

export type ReceiptState =
  "receiving" | "pending" | "working" | "waiting" | "done" | "partial" | "failed";

export interface Receipt {
  key: string;
  project: string;
  kind: string;
  source: string;
  state: ReceiptState;
  n_files: number;
  n_done: number;
  n_quarantined: number;
  n_duplicate: number;
  n_pending: number;
  size_bytes: number;
  studies: string[];
  created_at: string;
  updated_at: string;
  closed_at: string | null;
  reason: string;
  hint: string;
}

export interface ReceiptItem {
  id: number;
  name: string;
  size_bytes: number;
  state: string;
  reason: string;
  hint: string;
  modality: string | null;
  series_number: number | null;
  psid: string | null;
}

export interface ReceiptDetail extends Receipt {
  items: ReceiptItem[];
}

export interface Identity {
  patient_id: string;
  name: string;
  birth_date: string;
  sex: string;
}

export interface Operation {
  operation_id: number;
  n: number;
}
