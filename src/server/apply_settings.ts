/**
 * Settings of the broker come into force in a shard: at its start, and when main has changed some.
 *
 * Invariant: what is in force is what describe_config says; topics that say nothing follow at once.
 */

import { assert } from "../base/assert.ts";
import { alterTopic } from "../broker/alter_topic.ts";
import { shareBytes } from "../base/disk_share.ts";
import { trace } from "../base/trace.ts";
import { MiB } from "../base/units.ts";
import {
  brokerSettings,
  type SettingEntry,
  topicConfigIn,
  TOTAL_RETENTION,
} from "../format/broker_settings.ts";
import { TOTAL_RETENTION_MIN } from "../limits.ts";
import { highBytes } from "../log/watermarks.ts";
import { ConnectionState } from "../net/connection.ts";
import { peerOf } from "./connection_list.ts";
import { type Node, Slot } from "./node.ts";
import { watch } from "./patience.ts";

const PREFIX = "connections.";

/** `entries` are all settings of the broker; those that need a restart are only told. */
export function applySettings(node: Node, entries: readonly SettingEntry[]): void {
  node.settings = entries;
  applyToConnections(node, entries);
  applyBound(node, entries);
  const { bound } = node.store;
  const settings = brokerSettings(entries, bound.isSet ? bound.segmentBytesMax : Infinity);
  node.broker.settings = settings;
  for (const topic of node.broker.topics.all()) {
    const config = topicConfigIn(settings, topic.name, topic.settings);
    assert(typeof config !== "string", "main has checked them");
    alterTopic(node.broker, topic, topic.settings, config, node.nowMs);
  }
}

/** A percentage is of the whole disk, as large as it is now. */
function applyBound({ store }: Node, entries: readonly SettingEntry[]): void {
  const text = entries.find(({ key }) => key === TOTAL_RETENTION)?.value ?? "none";
  const { totalBytes } = store.disk;
  if (totalBytes === 0) return; // nobody knows how large the disk is: nothing goes for that
  const wanted = shareBytes(text, totalBytes);
  const limit = Math.max(wanted, TOTAL_RETENTION_MIN);
  if (limit === store.bound.limitBytes) return;
  store.bound.limitBytes = limit;
  const mib = Math.floor(limit / MiB);
  if (limit > wanted) {
    trace("warning", `retention.total=${text} is too little for a broker: it is ${mib} MiB`);
  } else if (limit !== Infinity && limit > totalBytes - highBytes(totalBytes)) {
    trace("warning", `retention.total=${text} is ${mib} MiB: the disk is full before that`);
  }
}

function applyToConnections(node: Node, entries: readonly SettingEntry[]): void {
  const { connections } = node.start;
  const counted = connections.perAddressMax > 0;
  const values: Record<string, number> = {};
  for (const { key, value, changeable } of entries) {
    if (changeable === 1 && key.startsWith(PREFIX)) {
      values[key.slice(PREFIX.length)] = Number(value);
    }
  }
  Object.assign(connections, values);
  if (!counted && connections.perAddressMax > 0) countAddresses(node);
  for (const connection of node.connections) { // a deadline may be earlier now
    if (connection.state !== ConnectionState.free) watch(node, connection);
  }
}

/** Those who came while nobody counted. */
function countAddresses(node: Node): void {
  for (const connection of node.connections) {
    const { state, listener, peerHost } = connection;
    if (state === ConnectionState.free || listener !== Slot.native || peerHost !== "") continue;
    const host = peerOf(node, connection)?.host ?? "";
    if (host === "") continue;
    connection.peerHost = host;
    node.perAddress.set(host, (node.perAddress.get(host) ?? 0) + 1);
  }
}
