/** Codes are wire format: this list grows, and no line of it ever changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeError, ErrorCodes, ERRORS } from "../../../src/format/errors.ts";

/** code, name, whether a retry can help. */
const PINNED: readonly (readonly [number, string, boolean])[] = [
  [0, "none", false],
  [1, "internal", false],
  [2, "invalid_frame", false],
  [3, "frame_too_large", false],
  [4, "unknown_operation", false],
  [5, "unsupported_version", false],
  [6, "invalid_request", false],
  [7, "hello_required", false],
  [8, "unsupported_protocol", false],
  [9, "unknown_handle", false],
  [10, "not_permitted", false],
  [11, "too_many_handles", false],
  [12, "unknown_subscription", false],
  [13, "subscription_exists", false],
  [14, "too_many_subscriptions", false],
  [15, "connection_not_found", false],
  [20, "topic_not_found", false],
  [21, "topic_exists", false],
  [22, "invalid_topic_name", false],
  [23, "invalid_partitions", false],
  [24, "invalid_config", false],
  [25, "partition_not_found", false],
  [26, "topic_is_internal", false],
  [40, "offset_out_of_range", false],
  [41, "batch_corrupt", true],
  [42, "batch_invalid", false],
  [43, "batch_too_large", false],
  [44, "unsupported_magic", false],
  [45, "out_of_order_sequence", false],
  [46, "duplicate_sequence", false],
  [47, "invalid_producer_epoch", false],
  [48, "producer_ids_exhausted", false],
  [49, "transactions_unsupported", false],
  [60, "storage_failed", false],
  [61, "disk_full", true],
  [62, "shutting_down", true],
  [63, "partition_degraded", false],
  [64, "storage_busy", true],
  [65, "disk_read_only", true],
  [67, "storage_slow", true],
  [80, "group_not_found", false],
  [81, "offset_metadata_too_large", false],
  [82, "invalid_group_id", false],
  [83, "group_loading", true],
  [84, "too_many_offsets", false],
  [85, "unknown_member", false],
  [86, "illegal_generation", false],
  [100, "http_invalid_request", false],
  [101, "http_host_refused", false],
  [102, "http_path_not_found", false],
  [103, "http_method_not_allowed", false],
  [104, "http_origin_refused", false],
  [105, "http_token_required", false],
  [106, "http_scope_too_small", false],
  [107, "http_body_too_large", false],
  [108, "http_length_required", false],
  [109, "http_content_type_unsupported", false],
  [110, "http_starting", true],
  [111, "http_engine_unreachable", true],
  [112, "http_ticket_refused", false],
  [113, "http_too_many_streams", true],
  [114, "http_not_acceptable", false],
  [115, "http_body_slow", false],
  [116, "http_delivery_timeout", true],
  [117, "http_topic_replaced", false],
];

test("every code that was ever given out means what it meant", () => {
  const rows = ERRORS.map(([code, name, retriable]) => [code, name, retriable]);
  for (const row of PINNED) {
    assert.ok(rows.some((known) => known.join() === row.join()), `${row.join()} is gone`);
  }
  assert.equal(rows.length, PINNED.length, "a new code is pinned here as well");
});

test("codes and names are distinct, and codes fit the header's field", () => {
  assert.equal(new Set(ERRORS.map(([code]) => code)).size, ERRORS.length);
  assert.equal(new Set(ERRORS.map(([, name]) => name)).size, ERRORS.length);
  for (const [code, name, , text] of ERRORS) {
    assert.ok(Number.isInteger(code) && code >= 0 && code < 65536, name);
    assert.match(text, /\.$/, `${name} has a sentence`);
    assert.equal(ErrorCodes[name], code);
  }
});

test("a code is described, also one of a newer broker", () => {
  const full = describeError(ErrorCodes.disk_full);
  assert.deepEqual([full.code, full.name, full.retriable], [61, "disk_full", true]);
  assert.ok(full.text.length > 0 && full.hint.length > 0);
  const newer = describeError(65535);
  assert.deepEqual([newer.code, newer.name, newer.retriable], [65535, "unknown", false]);
  assert.match(newer.text, /65535/);
});
