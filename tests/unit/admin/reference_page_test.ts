/** The page for people: all that the document has, and nothing that runs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  type OpenApiDocument,
  pageHeaders,
  referencePage,
} from "../../../src/admin/reference_page.ts";
import { ERRORS } from "../../../src/format/errors.ts";

const EVIL = `<script>alert("1")</script>'&`;
const document: OpenApiDocument = {
  openapi: "3.1.0",
  info: { title: EVIL, version: "1", description: EVIL },
  tags: [{ name: "t", description: EVIL }],
  paths: {
    "/v1/{x}": {
      get: {
        operationId: "getX",
        summary: EVIL,
        description: EVIL,
        tags: ["t"],
        security: [{ bearer: ["read"] }],
        parameters: [{ name: EVIL, in: "path", required: true, schema: { pattern: EVIL } }],
        requestBody: { content: { "a/b": { schema: { $ref: "#/components/schemas/X" } } } },
        responses: {
          200: {
            description: EVIL,
            content: { "a/b": { schema: { items: { $ref: "#/components/schemas/X" } } } },
          },
        },
      },
    },
  },
  components: { schemas: { X: { const: EVIL } } },
};
const page = referencePage(document);

test("every text is escaped", () => {
  assert.doesNotMatch(page, /<script|alert\("1|'&(?!amp;)/);
  assert.ok(page.split("&lt;script&gt;").length > 8);
});

test("operations, schemas and errors can be linked to", () => {
  assert.match(page, /<details id="getX">.*<code>\/v1\/\{x\}<\/code>.*read token/s);
  assert.equal(page.match(/<a href="#schema-X">X<\/a>/g)?.length, 2);
  assert.match(page, /<details id="schema-X">/);
  for (const [code, name] of ERRORS) {
    if (code !== 0) assert.ok(page.includes(`<tr id="${name}">`), name);
  }
});

test("its style is the one that it may have, and nothing else may load", () => {
  const [, style = ""] = /<style>(.*)<\/style>/s.exec(page)!;
  const hash = createHash("sha256").update(style, "utf8").digest("base64");
  const policy = pageHeaders["content-security-policy"]!;
  assert.match(policy, /^default-src 'none'; /);
  assert.ok(policy.includes(`style-src 'sha256-${hash}'`));
});
