/** What is printed of strangers' bytes only shows: it moves no cursor and ends no line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, hex, quoted, safe, safeJson } from "../../../src/tools/text.ts";
import { forSeeds } from "../../support/prng.ts";

function quotedText(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return quoted(bytes, 0, bytes.length);
}

/** Controls, and what changes the direction or is not seen. */
// deno-lint-ignore no-control-regex
const UNSAFE: RegExp = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff]",
);

test("text stays text, what a terminal obeys becomes an escape", () => {
  const cases: readonly [string, string][] = [
    ["hello", '"hello"'],
    ["grüße 🦫 日本", '"grüße 🦫 日本"'],
    ["a\tb\nc\r", '"a\\tb\\nc\\r"'],
    ["\u001b[2J\u0007\u0000", '"\\u{1b}[2J\\u{7}\\u{0}"'],
    ["\u009b31m\u007f", '"\\u{9b}31m\\u{7f}"'],
    ["abc\u202edef\u2066\u200f", '"abc\\u{202e}def\\u{2066}\\u{200f}"'],
    ["line\u2028line", '"line\\u{2028}line"'],
    ['say "hi" \\n', '"say \\"hi\\" \\\\n"'],
    ["", '""'],
  ];
  for (const [text, shown] of cases) assert.equal(quotedText(text), shown);
});

test("bytes that are no UTF-8 are shown one by one", () => {
  const bytes = Uint8Array.from([104, 105, 0xff, 0x1b, 0x22, 0x5c, 0xc3]);
  assert.equal(quoted(bytes, 0, bytes.length), '"hi\\xff\\x1b\\x22\\x5c\\xc3"');
  assert.equal(hex(bytes, 1, 4), "69ff1b");
  assert.equal(base64(bytes, 0, 4), "aGn/Gw==");
});

test("nothing unsafe is left of random bytes and random characters", () => {
  forSeeds(500, (prng) => {
    const bytes = prng.bytes(prng.below(60));
    assert.doesNotMatch(quoted(bytes, 0, bytes.length), UNSAFE);
    const text = Array.from({ length: 30 }, () => String.fromCharCode(prng.below(0x3000))).join("");
    assert.doesNotMatch(quotedText(text), UNSAFE);
    assert.doesNotMatch(safe(text), UNSAFE);
    const json = safeJson({ text });
    assert.doesNotMatch(json, UNSAFE);
    assert.deepEqual(JSON.parse(json), { text });
  });
});
