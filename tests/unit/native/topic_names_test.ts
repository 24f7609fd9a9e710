/** Lists of topic names: how many, how long, each once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import { METADATA_TOPICS_MAX } from "../../../src/limits.ts";
import { RequestError } from "../../../src/native/request.ts";
import { checkNames, wantedNames } from "../../../src/native/topic_names.ts";

test("too many names are refused by their count, before any is read", () => {
  const block = heapBlock(8);
  block.view.setUint32(0, METADATA_TOPICS_MAX);
  checkNames(block, 0, 8);
  block.view.setUint32(0, METADATA_TOPICS_MAX + 1);
  assert.throws(() => checkNames(block, 0, 8), RequestError);
  checkNames(block, 0, 3); // the codec says that it is cut off
});

test("names come sorted, each once; one that no topic can have is refused", () => {
  const names = ["b", "a", "b"].map((name) => ({ name }));
  assert.deepEqual(wantedNames(names), ["a", "b"]);
  assert.throws(() => wantedNames([{ name: "x".repeat(250) }]), RequestError);
});
