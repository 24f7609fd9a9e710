/**
 * One turn of a shard: the data path on one screen. Hot.
 *
 * Everything that a turn has to do is in a list that an earlier step filled; nothing is done in
 * the middle of something else. So a turn's appends to a partition are one write, its dirty
 * partitions one submission, and a connection's replies one send.
 */

import { completeFetches } from "../broker/fetch.ts";
import { completeAppends, flushAppended } from "../broker/produce.ts";
import { pushBatches } from "../broker/subscriptions.ts";
import { DiskState } from "../log/disk.ts";
import { acceptAll } from "./accept.ts";
import { openAdded } from "./add_topics.ts";
import { closeAsked } from "./connection_list.ts";
import {
  admitWaiting,
  compactReceived,
  dispatchFrames,
  expireConnections,
  receiveAll,
  sendAll,
} from "./connections.ts";
import { readAhead, serveColdReads } from "./cold_sends.ts";
import { StepAt } from "./loop_lag.ts";
import { type Node, Slot } from "./node.ts";
import { keepProducerBudget } from "./producer_budget.ts";
import { beginStop, continueStop } from "./stop.ts";
import { waitMs } from "./timers.ts";

/** No connection: who halts the shard hears no reply. */
const NOBODY = -1;

export function turn(node: Node): void {
  const patienceMs = waitMs(node);
  const ready = node.poller.wait(patienceMs);
  node.readClocks(patienceMs); // once; nothing else asks
  const lag = node.loopLag;
  lag.begin(node.nowMs);
  takeNotices(node, ready); // server/sync            syncs and background jobs that finished
  acceptAll(node, ready); // net/listener           new descriptors
  receiveAll(node, ready); // net/receive_buffer     socket -> pooled block, one recv per connection
  lag.mark(StepAt.receive);
  loadOffsets(node); // broker/group_offsets   a piece of what groups committed
  dispatchFrames(node); // native                 frame -> handler -> batches staged per partition
  lag.mark(StepAt.dispatch);
  writeAll(node); // log/partition          one pwritev per appended partition
  lag.mark(StepAt.write);
  requestSyncs(node); // server/sync            unsynced partitions -> one io_submit
  lag.mark(StepAt.sync);
  completeAppends(node.broker, node.door); // broker/produce         replies whose level is reached
  serveColdReads(node); // broker/cold_reads      what was read from the disk meanwhile
  pushBatches(node.broker, node.door); // broker/subscriptions  what became visible goes out
  completeFetches(node.broker, node.nowMs, node.door); // broker/fetch    long polls come true
  lag.mark(StepAt.answer);
  sendAll(node); // net/send_queue         one send per connection, slices by sendfile
  lag.mark(StepAt.send);
  readAhead(node); // server/background      what is not in the page cache yet
  maintain(node); // a bounded step of housekeeping
  node.door.times.settle(lag.end()); // native/request_times    who was answered in this turn
}

function takeNotices(node: Node, ready: number): void {
  for (let event = 0; event < ready; event += 1) {
    const slot = node.poller.events.slot(event);
    if (slot === Slot.syncs) node.syncer.reap(node.nowMs, node.door);
    if (slot === Slot.background) node.background.reap();
    if (slot === Slot.background && node.background.isHalted) beginStop(node, NOBODY, 0, 0);
  }
}

function loadOffsets({ broker, coldReads }: Node): void {
  if (broker.offsets.canLoad) broker.offsets.load(coldReads);
}

function writeAll(node: Node): void {
  flushAppended(node.broker, node.nowMs);
  compactReceived(node);
}

function requestSyncs(node: Node): void {
  keepProducerBudget(node);
  node.syncer.request(node.nowMs, node.stopping !== null, node.door);
}

function maintain(node: Node): void {
  node.counters.turns += 1;
  if (node.toClose.size > 0) closeAsked(node);
  expireConnections(node); // late in the turn: what had arrived was read before
  if (node.receiveBudget.waiting > 0) admitWaiting(node);
  node.collector.step(node.door, node.store, node.broker.topics.count, node.nowMs);
  if (node.addedTopics.length > 0) openAdded(node);
  if (node.stopping !== null) continueStop(node);
  else keepHouse(node);
}

/** Checkpoints, rolls by age, retention. */
function keepHouse(node: Node): void {
  const entries = node.caretaker.step(node.nowMs, node.store.wallMs, node.door);
  if (entries.length > 0) node.post({ kind: "checkpoint", entries });
  const disk = node.store.disk;
  if (!disk.isNews) return;
  disk.isNews = false;
  if (disk.state === DiskState.ok) node.post({ kind: "disk_ok" });
}
