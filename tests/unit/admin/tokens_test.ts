/** Tokens open what they are for, and nothing else does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { covers, SCOPES, Tokens } from "../../../src/admin/tokens.ts";
import { ROOT } from "../../support/runtimes.ts";

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

test("a token is compared by timingSafeEqual alone, with every one that there is", () => {
  const source = readFileSync(join(ROOT, "src/admin/tokens.ts"), "utf8");
  const [, body = ""] = /scopeOf\(token: string\): Scope \{\n([\s\S]*?)\n {2}\}\n/.exec(source)!;
  assert.match(body, /for \(const \{ scope, digest \} of this\.#digests\)/);
  assert.match(body, /if \(timingSafeEqual\(given, digest\)\) held = scope;/);
  assert.doesNotMatch(body, /[=!]==?|break|return (?!held)|\.equals|\.get\(|includes/);
});
