/** Assertions throw their message, and only when the condition does not hold. */
import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { assert, AssertionFailed } from "../../../src/base/assert.ts";

test("a condition that holds says nothing, one that does not says its message", () => {
  equal(assert(true, "never said"), undefined);
  throws(() => assert(false, "two is two"), (error) => {
    return error instanceof AssertionFailed && error.message === "two is two";
  });
});
