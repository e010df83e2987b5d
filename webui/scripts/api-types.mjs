// Writes src/core/api.gen.ts from openapi.json; without that file the hand-written types stand alone.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const source = at("../openapi.json");
const target = at("../src/core/api.gen.ts");
const header = "/* Generated from openapi.json. Do not edit. */\n";

const body = existsSync(source)
  ? astToString(await openapiTS(JSON.parse(readFileSync(source, "utf8"))))
  : "export type paths = Record<string, never>;\nexport interface components { schemas: Record<string, never> }\n";
const text = header + body;
if (!existsSync(target) || readFileSync(target, "utf8") !== text) writeFileSync(target, text);
