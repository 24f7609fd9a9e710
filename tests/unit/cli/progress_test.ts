import assert from "node:assert/strict";
import { test } from "node:test";
import { progressText, summaryText } from "../../../src/cli/progress.ts";

test("a bar with the share, the bytes and the rate", () => {
  assert.equal(
    progressText(50e6, 100e6, 1000),
    `[${"#".repeat(12)}${"-".repeat(12)}]  50%  50.0 MB  50 MB/s`,
  );
  assert.match(progressText(0, 100, 0), /^\[-{24}\] {3}0% {2}0\.0 MB {2}0\.00 MB\/s$/);
  assert.match(progressText(200, 100, 1), /100%/, "a file that grew");
});

test("without a known size there is no bar", () => {
  assert.equal(progressText(5e6, null, 1000), "5.0 MB  5.00 MB/s");
  assert.equal(progressText(0, 0, 0), "0.0 MB  0.00 MB/s");
});

test("the summary", () => {
  assert.equal(summaryText(3, 12e6, 500), "3 records, 12000000 bytes, 0.50 s, 24 MB/s");
  assert.equal(summaryText(1, 6, 1000), "1 record, 6 bytes, 1.00 s, 0.00 MB/s");
  assert.equal(summaryText(0, 0, 0), "0 records, 0 bytes, 0.00 s, 0.00 MB/s");
});
