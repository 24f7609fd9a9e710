/**
 * The reference for people: one page of HTML without scripts, made from the OpenAPI document and
 * the table of errors. Nothing in it comes from a client or from the network.
 *
 * Invariant: every text is escaped, and the page loads nothing.
 */

import { createHash } from "node:crypto";
import { ERRORS } from "../format/errors.ts";
import { STATUS } from "./problem.ts";

interface Schema {
  readonly $ref?: string;
  readonly [key: string]: unknown;
}

interface Content {
  readonly [type: string]: { readonly schema?: Schema };
}

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content }>
  >;
}

/** What the page reads of an OpenAPI document. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description?: string;
  };
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 14px/1.4 ui-monospace, monospace } pre { overflow: auto; padding: .5rem }
details { border: 1px solid #8886; border-radius: 4px; margin: .4rem 0; padding: .3rem .7rem }
summary { cursor: pointer } .method { display: inline-block; width: 4.5rem; font-weight: bold }
.scope { opacity: .7; float: right } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; border-top: 1px solid #8884; padding: .2rem .5rem }
:root { color-scheme: light dark }
`;

const STYLE_HASH = createHash("sha256").update(STYLE, "utf8").digest("base64");

/**
 * Nothing may be loaded or run but the style that stands in the page. Whoever types into the
 * console of the browser may ask this door, and no other: there EventSource can be tried.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; ` +
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
};

export function referencePage(document: OpenApiDocument): string {
  const { info, tags = [], components } = document;
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8">`,
    `<title>${escaped(info.title)} ${escaped(info.version)}</title><style>${STYLE}</style></head>`,
    `<body><h1>${escaped(info.title)} ${escaped(info.version)}</h1>`,
    `<p>${escaped(info.description ?? "")} The same for programs: `,
    `<a href="/openapi.json">/openapi.json</a>.</p>`,
    ...tags.map(({ name, description = "" }) => {
      return `<h2 id="${escaped(name)}">${escaped(name)}</h2><p>${escaped(description)}</p>` +
        operationsOf(document, name);
    }),
    `<h2 id="schemas">schemas</h2>`,
    ...Object.entries(components?.schemas ?? {}).map(([name, schema]) => {
      return `<details id="schema-${escaped(name)}"><summary><code>${escaped(name)}</code>` +
        `</summary><pre>${linked(schema)}</pre></details>`;
    }),
    `<h2 id="errors">errors</h2><table><tr><th>name<th>code<th>status<th>retry<th>meaning</tr>`,
    ...ERRORS.filter(([code]) => code !== 0).map(([code, name, retriable, text, hint]) => {
      return `<tr id="${name}"><td><code>${name}</code><td>${code}<td>${STATUS[name]}` +
        `<td>${retriable ? "yes" : "no"}<td>${escaped(text)} ${escaped(hint)}</tr>`;
    }),
    "</table></body></html>\n",
  ].join("");
}

function operationsOf({ paths }: OpenApiDocument, tag: string): string {
  return Object.entries(paths).flatMap(([path, methods]) => {
    return Object.entries(methods).filter(([, operation]) => operation.tags?.includes(tag))
      .map(([method, operation]) => operationOf(method, path, operation));
  }).join("");
}

function operationOf(method: string, path: string, operation: Operation): string {
  const { operationId, summary = "", description = "", parameters = [], requestBody } = operation;
  const rows = parameters.map((one) => {
    const required = one.required === true ? "required" : "";
    return `<tr><td><code>${escaped(one.name)}</code><td>${escaped(one.in)} ${required}` +
      `<td>${escaped(one.description ?? "")}<td><code>${linked(one.schema ?? {})}</code></tr>`;
  });
  const answers = Object.entries(operation.responses).map(([status, response]) => {
    return `<tr><td>${escaped(status)}<td>${escaped(response.description)}` +
      `<td>${contentOf(response.content)}</tr>`;
  });
  return `<details id="${escaped(operationId)}"><summary><span class="method">` +
    `${escaped(method.toUpperCase())}</span><code>${escaped(path)}</code> ${escaped(summary)}` +
    `<span class="scope">${escaped(scopeOf(operation))}</span></summary>` +
    `<p>${escaped(description)}</p>` +
    (rows.length === 0 ? "" : `<table>${rows.join("")}</table>`) +
    (requestBody === undefined ? "" : `<p>Body: ${contentOf(requestBody.content)}</p>`) +
    `<table>${answers.join("")}</table></details>`;
}

function scopeOf({ security = [] }: Operation): string {
  const [scopes] = Object.values(security[0] ?? {});
  return scopes === undefined ? "no token" : `${scopes[0] ?? "admin"} token`;
}

function contentOf(content: Content | undefined): string {
  return Object.entries(content ?? {}).map(([type, { schema = {} }]) => {
    return `${escaped(type)} <code>${linked(schema)}</code>`;
  }).join(" ");
}

/** A schema as JSON, with links to those it names. */
function linked(schema: Schema): string {
  const { $ref } = schema;
  if ($ref !== undefined) return linkTo($ref);
  return escaped(JSON.stringify(schema, null, 1)).replace(
    /\{\s*&quot;\$ref&quot;: &quot;(#\/components\/schemas\/\w+)&quot;\s*\}/g,
    (_, ref: string) => linkTo(ref),
  );
}

function linkTo(ref: string): string {
  const name = ref.split("/").at(-1) ?? "";
  return `<a href="#schema-${escaped(name)}">${escaped(name)}</a>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
