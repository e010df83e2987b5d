// An HTML text of this computer, with a rule in front of it that lets nothing be fetched or run.

const RULE =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;" +
  " form-action 'none'; base-uri 'none'";

/** The rule comes before the first byte of the file, so nothing in it can be earlier. */
export const locked = (html: string): string =>
  `<!doctype html><meta http-equiv="Content-Security-Policy" content="${RULE}">${html}`;
