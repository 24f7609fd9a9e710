/** Types of the kinds of schemas that documents have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  COLUMNS,
  comment,
  declarationOf,
  membersOf,
  propertyOf,
  type Schema,
} from "../../../scripts/schema_types.ts";

function typeOf(schema: Schema): string {
  return membersOf(schema, "").join(" | ");
}

const KINDS: readonly (readonly [schema: Schema, type: string])[] = [
  [{ type: "string" }, "string"],
  [{ type: "string", format: "date-time" }, "string"],
  [{ type: "string", pattern: "^a$", minLength: 1, maxLength: 9 }, "string"],
  [{ type: "integer", minimum: 0, maximum: 9 }, "number"],
  [{ type: "number" }, "number"],
  [{ type: "boolean" }, "boolean"],
  [{ type: ["string", "null"] }, "string | null"],
  [{ type: "string", enum: ["a", 'b"'] }, '"a" | "b\\""'],
  [{ enum: [1, null, true] }, "1 | null | true"],
  [{}, "unknown"],
  [{ description: "anything" }, "unknown"],
  [{ $ref: "#/components/schemas/Topic" }, "Topic"],
  [{ type: "array", items: { type: "string" } }, "readonly string[]"],
  [{ type: "array", items: { type: ["integer", "null"] } }, "readonly (number | null)[]"],
  [{ type: "array" }, "readonly unknown[]"],
  [
    { anyOf: [{ type: "integer" }, { type: "string" }, { type: "number" }, { type: "null" }] },
    "number | string | null",
  ],
  [{ oneOf: [{ $ref: "#/components/schemas/A" }, { type: "null" }] }, "A | null"],
  [{ allOf: [{ $ref: "#/components/schemas/A" }, { description: "of this place" }] }, "A"],
  [
    { allOf: [{ $ref: "#/components/schemas/A" }, { type: ["string", "null"] }] },
    "A & (string | null)",
  ],
  [{ type: "object" }, "{ readonly [name: string]: unknown }"],
  [{ type: "object", additionalProperties: false }, "{ readonly [name: string]: never }"],
  [
    { type: "object", additionalProperties: { type: ["integer", "null"] } },
    "{ readonly [name: string]: number | null }",
  ],
  [
    {
      type: "object",
      required: ["a", "b.c"],
      properties: { a: { type: "string" }, "b.c": {}, d: { type: "object" } },
    },
    '{\n  readonly a: string;\n  readonly "b.c": unknown;\n' +
    "  readonly d?: { readonly [name: string]: unknown };\n}",
  ],
  [
    { type: "object", properties: { a: { type: "string" } }, additionalProperties: {} },
    "{\n  readonly a?: string;\n  readonly [name: string]: unknown;\n}",
  ],
];

for (const [schema, type] of KINDS) {
  test(`${JSON.stringify(schema)}`, () => assert.equal(typeOf(schema), type));
}

test("what is not known is refused, not left out", () => {
  const wrong: Schema[] = [
    { type: "string", not: { enum: ["a"] } },
    { type: "file" },
    { $ref: "#/components/parameters/A" },
    { type: "array", items: { patternProperties: {} } },
  ];
  for (const schema of wrong) assert.throws(() => typeOf(schema), RangeError);
  assert.equal(typeOf({ type: "string", "x-ours": 1 }), "string");
});

test("a component is an interface, or a type where it is no object", () => {
  const object: Schema = {
    type: "object",
    description: "A topic.",
    properties: { at: { type: "string", format: "date-time", description: "When." } },
  };
  assert.equal(
    declarationOf("Topic", object),
    "/** A topic. */\nexport interface Topic {\n" +
      "  /** When. A time as in RFC 3339. */\n  readonly at?: string;\n}\n",
  );
  assert.equal(
    declarationOf("T", { type: ["string", "null"] }),
    "export type T = string | null;\n",
  );
  const union: Schema = { anyOf: [object, { type: "null" }] };
  assert.equal(
    declarationOf("T", union),
    "export type T =\n  | {\n    /** When. A time as in RFC 3339. */\n" +
      "    readonly at?: string;\n  }\n  | null;\n",
  );
});

test("a parameter says its default, and may be said to be undefined", () => {
  const schema: Schema = { type: "integer", description: "How many.", default: 100 };
  const text = propertyOf("limit", schema, { indent: "  ", isRequired: false, orUndefined: true });
  assert.equal(text, "  /** How many. Default: 100. */\n  readonly limit?: number | undefined;\n");
  const wanted = propertyOf("limit", schema, { indent: "", isRequired: true, orUndefined: true });
  assert.match(wanted, /readonly limit: number;/);
});

test("no line is too long, and no text ends its comment", () => {
  const words = "word ".repeat(60).trim();
  const text = propertyOf("a", {
    type: "string",
    description: words,
    enum: words.split(" ").map((w, i) => w + i),
  }, {
    indent: "    ",
    isRequired: true,
  });
  assert.ok(text.split("\n").every((line) => line.length <= COLUMNS), text);
  assert.equal(text.match(/\| "word\d+"/g)?.length, 60);
  assert.equal(comment("a */ b", ""), "/** a * / b */\n");
  assert.equal(comment("", ""), "");
});
