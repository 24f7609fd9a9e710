import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionFailed } from "../../../src/base/assert.ts";
import { isBug } from "../../../src/cli/report.ts";
import { BrokerError } from "../../../src/client/errors.ts";
import { ConfigError } from "../../../src/config.ts";

test("a bug is what neither input nor system can cause", () => {
  for (const bug of [new AssertionFailed("x"), new TypeError("x"), new RangeError("x")]) {
    assert.ok(isBug(bug), bug.name);
  }
  for (const error of [new BrokerError(20), new ConfigError("x"), new Error("ENOENT"), "text"]) {
    assert.equal(isBug(error), false, String(error));
  }
});
