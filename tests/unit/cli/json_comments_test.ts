/** Comments and last commas are blanks; a mistake is told by line and column. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { blankComments, parseJsonWithComments } from "../../../src/cli/json_comments.ts";

test("JSON is what it was", () => {
  for (const value of [null, true, -1.5e3, "a // b /* c */ ,}", [], {}, [1, { a: [] }], '\\"']) {
    const text = JSON.stringify(value, null, 2);
    assert.deepEqual(parseJsonWithComments(text), value);
    assert.equal(blankComments(text), text);
  }
});

test("comments and a comma behind the last element are read over", () => {
  const text = `{ // "a": 1
  /* "b": 2,
  */ "c": [1, 2, /* three */ ], "d": "// no comment",
}`;
  assert.deepEqual(parseJsonWithComments(text), { c: [1, 2], d: "// no comment" });
  assert.equal(blankComments(text).length, text.length);
});

test("a mistake is told by its place, and comments move nothing", () => {
  const cases: [text: string, place: string][] = [
    ["", "line 1, column 1"],
    ["{", "line 1, column 2"],
    ["[1,,2]", "line 1, column 4"],
    ["// one\n{ /* x */ a: 1 }", "line 2, column 11"],
    ['{ "a": 01 }', "line 1, column 9"],
    ['{ "a": "b\nc" }', "line 1, column 8"],
    ['{ "a": 1 } x', "line 1, column 12"],
    ['{ "a" 1 }', "line 1, column 7"],
    ["[tru]", "line 1, column 2"],
  ];
  for (const [text, place] of cases) {
    assert.throws(() => parseJsonWithComments(text), (error: Error) => {
      assert.equal(error.message, `${place}: not JSON`, text);
      return true;
    });
  }
});
