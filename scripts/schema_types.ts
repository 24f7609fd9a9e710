/**
 * TypeScript types of the JSON schemas of an OpenAPI document, formatted as `deno fmt` would.
 *
 *     { type: "object", required: ["name"], properties: { name: { type: "string" } } }
 *     -> { readonly name: string; }        over several lines, with descriptions as comments
 *
 * Invariant: a keyword that this file does not know is an error, so that no type says less than its
 * schema without somebody having decided so.
 */

/** The largest width of a line. */
export const COLUMNS = 100;

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly description?: string;
  readonly default?: unknown;
  readonly [keyword: string]: unknown;
}

/** What narrows values further than types can, or only says something of them. */
const UNTYPED = new Set([
  "contentEncoding",
  "default",
  "description",
  "discriminator",
  "example",
  "format",
  "maximum",
  "maxItems",
  "maxLength",
  "minimum",
  "minItems",
  "minLength",
  "minProperties",
  "pattern",
]);
const TYPED = new Set([
  "$ref",
  "type",
  "enum",
  "anyOf",
  "oneOf",
  "allOf",
  "items",
  "properties",
  "required",
  "additionalProperties",
]);
const COMPONENT = "#/components/schemas/";
const SIMPLE: Readonly<Record<string, string>> = {
  string: "string",
  integer: "number",
  number: "number",
  boolean: "boolean",
  null: "null",
};

/** A component: `export interface Topic {…}` or `export type …`. */
export function declarationOf(name: string, schema: Schema): string {
  const comment = commentOf(schema, "");
  const [only = "", ...others] = membersOf(schema, "");
  if (others.length === 0 && only.startsWith("{")) {
    return `${comment}export interface ${name} ${only}\n`;
  }
  return `${comment}export type ${name} =${typeBehind(schema, `export type ${name} =`, "")};\n`;
}

/** A property, or a parameter: its comment and its line. `orUndefined`: it may be said so. */
export function propertyOf(
  name: string,
  schema: Schema,
  { indent, isRequired, orUndefined = false }: {
    readonly indent: string;
    readonly isRequired: boolean;
    readonly orUndefined?: boolean;
  },
): string {
  const key = /^[a-zA-Z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
  const head = `${indent}readonly ${key}${isRequired ? "" : "?"}:`;
  const extra = orUndefined && !isRequired ? ["undefined"] : [];
  return `${commentOf(schema, indent)}${head}${typeBehind(schema, head, indent, extra)};\n`;
}

/** The type with the space before it; a union that does not fit has a line for each member. */
function typeBehind(
  schema: Schema,
  head: string,
  indent: string,
  extra: readonly string[] = [],
): string {
  const members = [...membersOf(schema, indent), ...extra];
  const inline = members.join(" | ");
  const isShort = !inline.includes("\n") && head.length + inline.length + 2 <= COLUMNS;
  if (members.length === 1 || isShort) return ` ${inline}`;
  const inner = `${indent}  `;
  return [...membersOf(schema, inner), ...extra].map((one) => `\n${inner}| ${one}`).join("");
}

/** What the union of this type is of, each once. */
export function membersOf(schema: Schema, indent: string): string[] {
  for (const keyword of Object.keys(schema)) {
    if (TYPED.has(keyword) || UNTYPED.has(keyword) || keyword.startsWith("x-")) continue;
    throw new RangeError(`no type is known for "${keyword}" of ${JSON.stringify(schema)}`);
  }
  return [...new Set(membersIn(schema, indent))];
}

function membersIn(schema: Schema, indent: string): string[] {
  const { $ref, type, anyOf, oneOf } = schema;
  if ($ref !== undefined) return [nameOf($ref)];
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value));
  if (schema.allOf !== undefined) return [bothOf(schema.allOf, indent)];
  const some = anyOf ?? oneOf;
  if (some !== undefined) return some.flatMap((one) => membersOf(one, indent));
  if (typeof type === "object") return type.flatMap((one) => ofType(one, schema, indent));
  return type === undefined ? ["unknown"] : [ofType(type, schema, indent)];
}

/** Where a part only describes, the type is that of the others. */
function bothOf(parts: readonly Schema[], indent: string): string {
  const types = parts.map((part) => {
    const members = membersOf(part, indent);
    return members.length === 1 ? members[0]! : `(${members.join(" | ")})`;
  });
  const saying = types.filter((type) => type !== "unknown");
  return saying.length === 0 ? "unknown" : saying.join(" & ");
}

export function nameOf($ref: string): string {
  if (!$ref.startsWith(COMPONENT)) throw new RangeError(`${$ref} is no component`);
  return $ref.slice(COMPONENT.length);
}

function ofType(type: string, schema: Schema, indent: string): string {
  if (type === "object") return objectOf(schema, indent);
  if (type === "array") {
    const members = membersOf(schema.items ?? {}, indent);
    return members.length === 1
      ? `readonly ${members[0]}[]`
      : `readonly (${members.join(" | ")})[]`;
  }
  const simple = SIMPLE[type];
  if (simple === undefined) throw new RangeError(`no type is known for the type "${type}"`);
  return simple;
}

function objectOf(schema: Schema, indent: string): string {
  const { properties = {}, required = [], additionalProperties: others = true } = schema;
  const names = Object.keys(properties);
  if (names.length === 0) {
    return others === false ? "{ readonly [name: string]: never }" : mapOf(others, indent);
  }
  const inner = `${indent}  `;
  const lines = names.map((name) => {
    const isRequired = required.includes(name);
    return propertyOf(name, properties[name]!, { indent: inner, isRequired });
  });
  // Said: others belong to it. Not said: there may be more, in later versions.
  if (typeof others === "object") lines.push(`${inner}readonly [name: string]: unknown;\n`);
  return `{\n${lines.join("")}${indent}}`;
}

function mapOf(values: true | Schema, indent: string): string {
  const members = values === true ? ["unknown"] : membersOf(values, indent);
  return `{ readonly [name: string]: ${members.join(" | ")} }`;
}

/** Description, format and default, as a comment before what they are of; may be empty. */
function commentOf(schema: Schema, indent: string): string {
  const { description, format, allOf = [] } = schema;
  const described = description ??
    allOf.find((part) => part.description !== undefined)?.description;
  const words = [
    described ?? "",
    ...(format === "date-time" ? ["A time as in RFC 3339."] : []),
    ...(isTold(schema.default) ? [`Default: ${JSON.stringify(schema.default)}.`] : []),
  ].filter((text) => text !== "").join(" ");
  return comment(words, indent);
}

/** Nothing and an empty thing need no words. */
function isTold(value: unknown): boolean {
  return value !== undefined && value !== "" && JSON.stringify(value) !== "{}";
}

/** The text as a comment, in lines that fit. */
export function comment(text: string, indent: string): string {
  if (text === "") return "";
  const safe = text.replaceAll("*/", "* /");
  const line = `${indent}/** ${safe} */`;
  if (line.length <= COLUMNS) return `${line}\n`;
  const lines: string[] = [];
  let current = `${indent} *`;
  for (const word of safe.split(/\s+/)) {
    if (current.length + 1 + word.length > COLUMNS) {
      lines.push(current);
      current = `${indent} *`;
    }
    current += ` ${word}`;
  }
  return `${indent}/**\n${[...lines, current].join("\n")}\n${indent} */\n`;
}
