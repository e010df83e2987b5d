// What was changed in a job that is to run again: only that is sent, all else stays as it was.
import type { Argument, JobEdit } from "../core/types-jobs";
import { toSpec, type Draft } from "./spec";

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const KEYS = [
  "code",
  "resources",
  "env",
  "strict",
  "precall",
  "environment",
  "ignore_missing",
  "output_folder",
] as const;

/** Arguments that are new or say something else. */
function changedArgs(before: readonly Argument[], now: readonly Argument[]): Argument[] {
  const old = new Map(before.map((arg) => [arg.id, arg]));
  return now.filter((arg) => !same(old.get(arg.id), arg));
}

export function changesOf(before: Draft, now: Draft): Partial<JobEdit> {
  const [old, fresh] = [toSpec(before), toSpec(now)];
  const changes = Object.fromEntries(
    KEYS.filter((key) => !same(old[key], fresh[key])).map((key) => [key, fresh[key]]),
  ) as Partial<JobEdit>;
  const args = changedArgs(old.args, fresh.args);
  return args.length > 0 ? { ...changes, args: args as JobEdit["args"] } : changes;
}
