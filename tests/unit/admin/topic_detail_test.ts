/** Times as text: what a producer said may be no date. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { timeText } from "../../../src/admin/topic_detail.ts";

test("a time is a date of four digits for the year, or not known", () => {
  assert.equal(timeText(0), "1970-01-01T00:00:00.000Z");
  assert.equal(timeText(253402300799999), "9999-12-31T23:59:59.999Z");
  for (const none of [null, -1e18, 253402300800000, Number.MAX_SAFE_INTEGER]) {
    assert.equal(timeText(none), null);
  }
});
