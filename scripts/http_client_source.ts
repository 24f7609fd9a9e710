/**
 * The typed client of the HTTP door, as source text made from its OpenAPI document.
 *
 *     components.schemas             -> schemas.ts: a type each
 *     path, query and headers        -> schemas.ts: …Parameters, all in one object
 *     operationId, types of bodies   -> api.ts: a method for each type; the first has the plain name
 *
 * `POST …/records` of JSON, lines, bytes and text becomes produceRecords, produceRecordsLines,
 * produceRecordsBytes and produceRecordsText. A call that takes a body is answered in the type of
 * its body where there is an answer of it, else in the first.
 *
 * Invariant: no two parameters of a method have one name, and none is called `body`.
 */
import { COLUMNS, comment, declarationOf, propertyOf, type Schema } from "./schema_types.ts";

export interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

/** What is read of the document. */
export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

const JSON_TYPE = "application/json";
const LINES_TYPE = "application/x-ndjson";
const BYTES_TYPE = "application/octet-stream";
const EVENTS_TYPE = "text/event-stream";
const PROBLEM_TYPE = "application/problem+json";
/** Of methods behind the first of an operation, by the type that is theirs. */
const SUFFIXES: Readonly<Record<string, string>> = {
  [JSON_TYPE]: "Json",
  [LINES_TYPE]: "Lines",
  [BYTES_TYPE]: "Bytes",
  "text/plain": "Text",
  "application/openmetrics-text": "InOpenMetrics",
};
/** The schema of a line, on that of the lines. */
const LINE = "x-line";
/** On a part of a path that `HttpCaller` escapes; what is described is what it makes of it. */
const ESCAPED = "x-escaped";

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** One method: an operation with one type of body and one of answer; null: none. */
interface Variant {
  readonly name: string;
  readonly bodyType: string | null;
  readonly answerType: string | null;
}

export function clientSource(document: Description): { schemas: string; api: string } {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) => {
    return Object.entries(methods).map(([method, operation]) => {
      return { method: method.toUpperCase(), path, operation };
    });
  });
  return { schemas: schemasSource(document, routes), api: apiSource(routes) };
}

function schemasSource(document: Description, routes: readonly Route[]): string {
  const components = Object.entries(document.components?.schemas ?? {});
  return [
    opening("What goes through the HTTP door: its schemas, and the parameters of its operations."),
    ...components.map(([name, schema]) => declarationOf(name, schema)),
    ...routes.filter(({ operation }) => hasParameters(operation)).map(parametersSource),
  ].join("\n");
}

function parametersSource({ operation, path }: Route): string {
  const { parameters = [] } = operation;
  const names = ["body", ...parameters.map(({ name }) => name)];
  if (new Set(names).size !== names.length) {
    throw new RangeError(`two parameters of ${operation.operationId} have one name`);
  }
  const lines = parameters.map(({ name, required = false, description, schema = {} }) => {
    const { description: _, ...plain } = schema;
    const told = schema[ESCAPED] === true ? plain : { ...schema, ...some({ description }) };
    return propertyOf(name, told, { indent: "  ", isRequired: required, orUndefined: true });
  });
  const about = comment(`Of \`${operation.operationId}\`, ${path}`, "");
  return `${about}export interface ${parametersName(operation)} {\n${lines.join("")}}\n`;
}

function some({ description }: Pick<Parameter, "description">): { description?: string } {
  return description === undefined ? {} : { description };
}

function apiSource(routes: readonly Route[]): string {
  const methods = routes.flatMap((route) => {
    return variantsOf(route.operation).map((variant) => methodSource(route, variant));
  });
  const text = methods.join("\n");
  const used = [...new Set([...text.matchAll(/\bschemas\.(\w+)/g)].map(([, name]) => name!))];
  return [
    opening("The HTTP door of a broker, with a method for each of its operations."),
    `import { type CallOptions, HttpCaller, type Lines } from "./http_caller.ts";\n` +
    (used.length === 0 ? "" : `import type * as schemas from "./schemas.ts";\n`),
    `export class HttpApi extends HttpCaller {\n${text}}\n`,
  ].join("\n");
}

function opening(what: string): string {
  return `/**\n * ${what}\n *\n * Generated by \`npm run docs\` from the OpenAPI document of the ` +
    `door; do not edit.\n */\n`;
}

function variantsOf({ operationId, requestBody, responses }: Operation): Variant[] {
  const answers = answersOf(responses);
  const bodies = Object.keys(requestBody?.content ?? {});
  const nameOf = (type: string, index: number): string => {
    return index === 0 ? operationId : operationId + suffixOf(type);
  };
  if (bodies.length > 0) {
    return bodies.map((bodyType, index) => {
      const answerType = answers.includes(bodyType) ? bodyType : answers[0] ?? null;
      return { name: nameOf(bodyType, index), bodyType, answerType };
    });
  }
  if (answers.length === 0) return [{ name: operationId, bodyType: null, answerType: null }];
  return answers.map((answerType, index) => {
    return { name: nameOf(answerType, index), bodyType: null, answerType };
  });
}

function suffixOf(type: string): string {
  const suffix = SUFFIXES[type];
  if (suffix === undefined) throw new RangeError(`no suffix is known for ${type}`);
  return suffix;
}

/** Types of answers that are no problems. */
function answersOf(responses: Operation["responses"]): string[] {
  const types = Object.values(responses).flatMap(({ content = {} }) => Object.keys(content));
  return [...new Set(types)].filter((type) => type !== PROBLEM_TYPE);
}

function methodSource(route: Route, variant: Variant): string {
  const { operation } = route;
  const { helper, type, result } = answerOf(operation, variant);
  const request = requestType(operation, variant);
  const isOptional = variant.bodyType === null &&
    (operation.parameters ?? []).every(({ required }) => required !== true);
  const given = request === null ? [] : [`request: ${request}${isOptional ? " = {}" : ""}`];
  const parameters = [...given, "options?: CallOptions"];
  const argument = request === null ? "{}" : "request";
  const short = `  ${variant.name}(${parameters.join(", ")}): ${result} {`;
  const head = short.length <= COLUMNS
    ? short
    : `  ${variant.name}(\n${parameters.map((one) => `    ${one},\n`).join("")}  ): ${result} {`;
  return `${comment(aboutOf(operation, variant), "  ")}${head}
    return this.${helper}${type}(
${callSource(route, variant)}
      ${argument},
      options,
    );
  }
`;
}

/** Of methods of one operation, which type is whose. */
function aboutOf({ operationId, summary = operationId }: Operation, variant: Variant): string {
  const type = variant.bodyType ?? variant.answerType;
  return variant.name === operationId || type === null ? summary : `${summary} As ${type}.`;
}

/** The object that says what to send, in one line where it fits. */
function callSource({ method, path, operation }: Route, { bodyType, answerType }: Variant): string {
  const headers = (operation.parameters ?? []).filter((one) => one.in === "header")
    .map(({ name }) => JSON.stringify(name));
  const statuses = Object.entries(operation.responses).filter(([status, { content = {} }]) => {
    return answerType === null ? status.startsWith("2") : Object.hasOwn(content, answerType);
  }).map(([status]) => status);
  const fields = [
    `method: ${JSON.stringify(method)}`,
    `path: ${JSON.stringify(path)}`,
    ...(headers.length === 0 ? [] : [`headers: [${headers.join(", ")}]`]),
    ...(bodyType === null ? [] : [`bodyType: ${JSON.stringify(bodyType)}`]),
    ...(answerType === null ? [] : [`answerType: ${JSON.stringify(answerType)}`]),
    `statuses: [${statuses.join(", ")}]`,
  ];
  const line = `      { ${fields.join(", ")} },`;
  if (line.length <= COLUMNS) return line;
  return `      {\n${fields.map((field) => `        ${field},\n`).join("")}      },`;
}

/** The type of the first argument; null: there is nothing to say. */
function requestType(operation: Operation, { bodyType }: Variant): string | null {
  const parts = hasParameters(operation) ? [`schemas.${parametersName(operation)}`] : [];
  if (bodyType !== null) {
    const schema = operation.requestBody?.content[bodyType]?.schema ?? {};
    parts.push(`{ readonly body: ${bodyOf(bodyType, schema)} }`);
  }
  return parts.length === 0 ? null : parts.join(" & ");
}

function bodyOf(bodyType: string, schema: Schema): string {
  if (bodyType === BYTES_TYPE) return "Uint8Array";
  if (bodyType === LINES_TYPE) return `Lines<${lineType(schema)}>`;
  return bodyType === JSON_TYPE ? shortType(schema) : "string";
}

interface AnswerSource {
  /** The method of HttpCaller that reads it, and its type argument. */
  readonly helper: string;
  readonly type: string;
  readonly result: string;
}

function answerOf(operation: Operation, { answerType }: Variant): AnswerSource {
  if (answerType === null) return { helper: "nothing", type: "", result: "Promise<void>" };
  const found = Object.values(operation.responses).map(({ content }) => content?.[answerType]);
  const schema = found.find((content) => content !== undefined)?.schema ?? {};
  const of = (helper: string, type: string, kind: string): AnswerSource => {
    return { helper, type: `<${type}>`, result: kind.replace("*", type) };
  };
  switch (answerType) {
    case JSON_TYPE:
      return of("json", shortType(schema), "Promise<*>");
    case LINES_TYPE:
      return of("lines", lineType(schema), "AsyncGenerator<*, void, void>");
    case EVENTS_TYPE:
      return of("events", shortType(schema), "AsyncGenerator<*, void, void>");
    case BYTES_TYPE:
      return { helper: "bytes", type: "", result: "Promise<Uint8Array>" };
    default:
      return { helper: "text", type: "", result: "Promise<string>" };
  }
}

function lineType(schema: Schema): string {
  const line = schema[LINE];
  return line === undefined ? "unknown" : shortType(line as Schema);
}

/** Of a component its name; what is described where it is used is not repeated. */
function shortType({ $ref }: Schema): string {
  return $ref === undefined ? "unknown" : `schemas.${$ref.slice($ref.lastIndexOf("/") + 1)}`;
}

function hasParameters({ parameters = [] }: Operation): boolean {
  return parameters.length > 0;
}

function parametersName({ operationId }: Operation): string {
  return `${operationId[0]!.toUpperCase()}${operationId.slice(1)}Parameters`;
}
