import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionFailed } from "../../../src/base/assert.ts";
import { ExitCode } from "../../../src/cli/exit_codes.ts";
import { isBug, reportError } from "../../../src/cli/report.ts";
import { BrokerError } from "../../../src/client/errors.ts";
import { ConfigError } from "../../../src/address.ts";

test("a broker that cannot go on ends with the code of a bug, in one line", () => {
  const failed = Object.assign(new Error("the broker cannot go on: x"), { name: "BrokerFailed" });
  assert.equal(isBug(failed), false);
  assert.equal(reportError(failed), ExitCode.bug);
  assert.equal(reportError(new Error("refused")), ExitCode.failed);
});

test("a bug is what neither input nor system can cause", () => {
  for (const bug of [new AssertionFailed("x"), new TypeError("x"), new RangeError("x")]) {
    assert.ok(isBug(bug), bug.name);
  }
  for (const error of [new BrokerError(20), new ConfigError("x"), new Error("ENOENT"), "text"]) {
    assert.equal(isBug(error), false, String(error));
  }
});
