/** Tokens open what they are for, and nothing else does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, SCOPES, Tokens } from "../../../src/admin/tokens.ts";

const tokens = new Tokens({ read: "r".repeat(43), admin: "a".repeat(43) });

test("each token has its scope; anything else has none", () => {
  assert.equal(tokens.scopeOf("r".repeat(43)), "read");
  assert.equal(tokens.scopeOf("a".repeat(43)), "admin");
  const others = ["", "a", "a".repeat(42), "a".repeat(44), "A".repeat(43), `${"a".repeat(43)} `];
  for (const other of others) assert.equal(tokens.scopeOf(other), "none", other);
});

test("a scope covers itself and what is below it", () => {
  for (const [at, held] of SCOPES.entries()) {
    for (const [below, wanted] of SCOPES.entries()) {
      assert.equal(covers(held, wanted), at >= below, `${held} ${wanted}`);
    }
  }
});
