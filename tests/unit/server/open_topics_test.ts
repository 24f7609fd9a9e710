/** The start opens topics in groups of partitions, whichever topics they are of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import {
  CONNECTIONS_MIN,
  DESCRIPTORS_SPARE,
  OPEN_SEALED_MAX,
  OPENED_AT_ONCE,
} from "../../../src/limits.ts";
import { type ManySyncs, SerialSyncs } from "../../../src/log/sync_group.ts";
import { openTopics } from "../../../src/server/open_topics.ts";
import { RecoveryWatch } from "../../../src/server/recovery_watch.ts";
import { NodeWorld } from "../../support/node_world.ts";

function topic(name: string, partitions: number): Parameters<typeof openTopics>[1][number] {
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  return { name, topicId, partitions, config: [], points: [] };
}

function watchOf(partitions: number): RecoveryWatch {
  return new RecoveryWatch(libc, partitions, () => {});
}

test("topics larger and smaller than a group are all known, in their order", () => {
  const made = new NodeWorld();
  const { node } = made;
  const sizes = [3, OPENED_AT_ONCE, 1, OPENED_AT_ONCE + 5, 2];
  const wanted = sizes.map((size, i) => topic(`t${i}`, size));
  openTopics(node, wanted, true, watchOf(0), new SerialSyncs(node.libc));
  const { topics } = node.broker;
  sizes.forEach((size, i) => {
    const { partitions } = topics.get(`t${i}`)!;
    assert.deepEqual(
      partitions.map(({ index }) => index),
      Array.from({ length: size }, (_, n) => n),
    );
    assert.ok(partitions.every(({ index, log }) => log.directory === `t${i}-${index}`));
  });
  assert.equal(topics.partitions.length, sizes.reduce((sum, size) => sum + size, 0));
  made.end();
});

test("where descriptors are few, few partitions are opened beside each other", () => {
  const made = new NodeWorld();
  const others = 83 + OPEN_SEALED_MAX + DESCRIPTORS_SPARE;
  const descriptorsMax = others + CONNECTIONS_MIN + 4;
  const node = Object.create(made.node, {
    start: { value: { ...made.node.start, descriptorsMax } },
  });
  const groups: number[] = [];
  const syncs: ManySyncs = {
    sync: (fds, results) => {
      groups.push(fds.length);
      fds.forEach((_, i) => results[i] = 0);
    },
  };
  const told: number[] = [];
  const watch = watchOf(83);
  watch.opened = (count) => told.push(count);
  openTopics(node, [topic("t", 80), topic("u", 3)], false, watch, syncs);
  assert.deepEqual(told, [20, 20, 20, 20, 3]);
  assert.ok(groups.every((count) => count <= 20), `${groups}`);
  made.end();
});
