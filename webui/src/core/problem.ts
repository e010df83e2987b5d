// Failures of the service as one typed error; nothing here draws anything.

export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  hint?: string;
  key?: string;
  facts?: Record<string, unknown>;
}

export class ApiError extends Error {
  readonly status: number;
  readonly key: string;
  readonly hint: string;
  readonly problem: Problem;
  readonly request: string;
  readonly at = new Date().toISOString();

  constructor(problem: Problem, request: string) {
    super(problem.detail || problem.title || "The service did not say what went wrong");
    this.name = "ApiError";
    this.status = problem.status ?? 0;
    this.key = problem.key ?? "";
    this.hint = problem.hint ?? "";
    this.problem = problem;
    this.request = request;
  }

  /** Position of the offending character in a text the user typed, if the service tells it. */
  get position(): number | null {
    const found = this.problem.facts?.["position"];
    return typeof found === "number" ? found : null;
  }
}

const isObject = (value: unknown): value is Problem => typeof value === "object" && value !== null;

function parsed(text: string): Problem {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : {};
  } catch {
    return {};
  }
}

/** Turn any answer that is not a success into an ApiError. */
export async function toApiError(response: Response, request: string): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  const problem = parsed(text);
  const title = problem.title || response.statusText || `HTTP ${response.status}`;
  return new ApiError({ ...problem, title, status: response.status }, request);
}

export interface Told {
  what: string;
  hint: string;
  details: string;
}

/** What a person is told about any thrown value, and the text that "copy details" copies. */
export function tell(error: unknown): Told {
  if (error instanceof ApiError) {
    const details = JSON.stringify(
      { request: error.request, at: error.at, ...error.problem },
      null,
      2,
    );
    return { what: error.message, hint: error.hint, details };
  }
  const what = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return { what, hint: "", details: `${what}\n${stack}`.trim() };
}
