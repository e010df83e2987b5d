// The rights of users in projects: values, and the calls that change them.
import { api, path } from "../core/api";
import type { Schema } from "../core/types";

export type UserEntry = Schema["UserEntry"];
export type Member = Schema["MemberRow"];
export type Grant = Schema["Grant"];

export const ANY = "<ANY>";
export const NEW_GRANT: Grant = {
  role: "user",
  readonly: true,
  batchtool: false,
  download: false,
  deanonym: false,
};
export const SWITCHES = ["edit", "batchtool", "download", "deanonym"] as const;
export type Switch = (typeof SWITCHES)[number];

export function isOn(grant: Grant, name: Switch): boolean {
  if (grant.role === "admin") return true;
  if (name === "edit") return !grant.readonly;
  if (name === "batchtool") return grant.batchtool && !grant.readonly;
  return grant[name];
}

/** Turn a switch; starting jobs writes files, so it takes Edit along. */
export function turned(grant: Grant, name: Switch, on: boolean): Grant {
  if (name === "edit") return { ...grant, readonly: !on };
  if (name === "batchtool")
    return { ...grant, batchtool: on, readonly: on ? false : grant.readonly };
  return { ...grant, [name]: on };
}

export const putGrant = (project: string, login: string, grant: Grant): Promise<unknown> =>
  api.put(path("projects", project, "members", login), grant);

export const dropGrant = (project: string, login: string): Promise<unknown> =>
  api.delete(path("projects", project, "members", login));
