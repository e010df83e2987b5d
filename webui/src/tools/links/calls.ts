// Calls in an address, with NORA's names: ?project=P&call={"pid":…,"sid":…}, encoded or as typed.

export interface Call {
  pid: string;
  sid: string;
  selmode: string;
  preset: string;
}

/** What is done with a call; `secret`: it held a token or a user, which are never used. */
export interface Found {
  call: Call | null;
  secret: boolean;
}

/** Who loads the preset that a call names; false: there is none of that name. */
export const presetCalls: {
  open: ((name: string) => Promise<boolean>) | null;
} = { open: null };

const KEYS = ["pid", "sid", "selmode", "preset"] as const;
/** What NORA's addresses hold besides and is never used here: nobody speaks as another user. */
export const DROPPED = ["call", "asuser", "user", "token"] as const;

const isText = (value: unknown): value is string | number =>
  typeof value === "string" || typeof value === "number";

/** Read the call of an address; throws what is wrong with it, without repeating it. */
export function readCall(query: URLSearchParams): Found | null {
  const text = query.get("call");
  const beside = ["user", "token"].some((name) => query.has(name));
  if (text === null) return beside ? { call: null, secret: true } : null;
  const values = JSON.parse(text) as unknown;
  if (typeof values !== "object" || values === null || Array.isArray(values))
    throw new SyntaxError("no object");
  const given = values as Record<string, unknown>;
  const call = Object.fromEntries(
    KEYS.map((key) => [key, isText(given[key]) ? String(given[key]).trim() : ""]),
  ) as unknown as Call;
  return { call, secret: beside || isText(given["token"]) || isText(given["user"]) };
}

/** Name of what is selected: a study, or with `selmode` "patient" or without a study its subject. */
export function targetOf({ pid, sid, selmode }: Call): string {
  if (!pid) return "";
  const wholeSubject = !sid || /^(p|pid|patient|subject)/i.test(selmode);
  return wholeSubject ? pid : `${pid}#${sid}`;
}

const PLAIN_CODE = /^[\w.-]+$/;
const quoted = (name: string): string => `="${name.replaceAll('"', '""')}"`;

/** What the table's first bar says so that the target is in sight. */
export function barOf(target: string): string {
  const [pid = "", sid] = target.split("#");
  if (PLAIN_CODE.test(pid) && PLAIN_CODE.test(sid ?? "x")) return target;
  return sid === undefined ? `PID:${quoted(pid)}` : `PID:${quoted(pid)} & SID:${quoted(sid)}`;
}
