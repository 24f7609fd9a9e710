/** What `health` says of what /readyz answers; tests/e2e/health_test.ts shows that it asks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { healthText } from "../../../src/cli/health.ts";

const WELL = { count: 3, degraded: 0, failed: 0 };

test("one line, with what is not well", () => {
  const disk = { state: "ok" };
  assert.equal(
    healthText({ status: "ready", partitions: WELL, disk }),
    "ready: 3 partitions, disk ok",
  );
  const unwell = { count: 1, degraded: 1, failed: 2 };
  assert.equal(
    healthText({ status: "ready", partitions: unwell, disk: { state: "full" } }),
    "ready: 1 partition, 1 degraded, 2 failed, disk full",
  );
  const recovery = { partitionsDone: 2, partitions: 30 };
  assert.equal(healthText({ status: "recovering", recovery }), "recovering: 2 of 30 partitions");
  assert.equal(healthText({ status: "stopping" }), "stopping");
});
