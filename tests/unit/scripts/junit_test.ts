/** The counting of both runners' reports: groups, subtests, failures in hooks, skips. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { countJunit, isGood } from "../../../scripts/junit.ts";

test("Bun's report: members of groups are counted, the group is not a test", () => {
  const counts = countJunit(`<testsuite name="a">
    <testcase name="one" classname="" />
    <testcase name="two &lt;&amp;&gt;" classname=""><failure type="E">t</failure></testcase>
    <testcase name="three" classname=""><skipped /></testcase>
    <testsuite name="group"><testcase name="x" classname="inner &gt; group" /></testsuite>
  </testsuite>`);
  assert.deepEqual(counts, { passed: 2, failed: 1, skipped: 1, failures: ["two <&>"] });
});

test("Deno's report: parents are listed besides their members and not counted", () => {
  const counts = countJunit(`
    <testcase name="group" classname="./a_test.ts"><failure message="1 step failed"/></testcase>
    <testcase name="group &gt; good" classname="ext:deno_node/testing.ts">
    </testcase>
    <testcase name="group &gt; bad" classname="./a_test.ts"><failure message="x"/></testcase>
    <testcase name="cancelled" classname="./a_test.ts"><error message="Cancelled"/></testcase>`);
  assert.deepEqual(counts.failures, ["group > bad", "cancelled"]);
  assert.equal(counts.passed, 1);
});

test("a parent that failed by itself counts", () => {
  const counts = countJunit(`
    <testcase name="group" classname="./a_test.ts"><failure message="hook"/></testcase>
    <testcase name="group &gt; good" classname="./a_test.ts"></testcase>`);
  assert.deepEqual(counts, { passed: 1, failed: 1, skipped: 0, failures: ["group"] });
});

test("a run is good when there were tests and none failed, also when all were skipped", () => {
  assert.ok(isGood({ passed: 3, failed: 0, skipped: 0 }));
  assert.ok(isGood({ passed: 0, failed: 0, skipped: 2 }));
  assert.ok(!isGood({ passed: 3, failed: 1, skipped: 0 }));
  assert.ok(!isGood({ passed: 0, failed: 0, skipped: 0 }), "a word that names no test");
});
