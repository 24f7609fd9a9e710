/**
 * Entry of a shard worker: opens libc when main has, takes its one message, recovers its
 * partitions, listens, and then turns until it is told to stop. Then no timer, promise or microtask
 * ever runs.
 *
 * A bug ends the process: one line on stderr and `_exit`. Crash and recover, never half alive.
 */

import type { Libc } from "../../ffi/libc.ts";
import { JobRing } from "../base/job_ring.ts";
import { setTraceSink } from "../base/trace.ts";
import { StorageError } from "../log/files.ts";
import { ListenError } from "../net/listener.ts";
import { PollerError } from "../net/poller.ts";
import { OFFSETS_LOAD_FIRST_BYTES } from "../limits.ts";
import type { ShardMessage, ShardStart, ToShard } from "./messages.ts";
import { Node } from "./node.ts";
import { openTopics } from "./open_topics.ts";
import { RecoveryWatch } from "./recovery_watch.ts";
import { closeNode, discardNode, isClean, lastCheckpoint } from "./stop.ts";
import { turn } from "./turn.ts";
import { die, EXIT_IO, EXIT_SOFTWARE, type WorkerScope } from "./worker_scope.ts";

const scope = globalThis as unknown as WorkerScope<ToShard, ShardMessage>;

scope.onmessage = async ({ data }) => {
  const { libc } = await import("#ffi"); // main has opened it: see threads.ts
  if (data === "libc_is_open") return scope.postMessage({ kind: "libc_is_open" });
  try {
    run(libc, data);
  } catch (error) {
    die(libc, `sluice: shard failed: ${describe(error)}`, EXIT_SOFTWARE);
  }
};

function run(libc: Libc, start: ShardStart): void {
  const post = (message: ShardMessage) => scope.postMessage(message);
  setTraceSink((level, message) => post({ kind: "trace", level, message }));
  const jobs = new JobRing(start.jobs);
  let node: Node | null = null;
  try {
    node = new Node(libc, start, jobs, post);
    const partitions = start.topics.reduce((sum, topic) => sum + topic.partitions, 0);
    const watch = new RecoveryWatch(libc, partitions, post);
    openTopics(node, start.topics, start.clean, watch, node.syncer.manySyncs());
    loadOffsets(node);
    node.listen();
  } catch (error) {
    const isListening = error instanceof ListenError || error instanceof PollerError;
    if (!isListening && !(error instanceof StorageError)) throw error;
    if (node !== null) discardNode(node);
    jobs.stop();
    for (const ring of start.sync.rings) new JobRing(ring).stop();
    post({ kind: "refused", message: error.message, intact: isListening });
    return;
  }
  post({ kind: "ready", ...node.nativeAddress() });
  while (node.running) {
    turn(node);
    if (node.syncer.failure !== "") die(libc, `sluice: ${node.syncer.failure}`, EXIT_IO);
  }
  closeNode(node);
  post({ kind: "stopped", clean: isClean(node), entries: lastCheckpoint(node) });
}

/** What groups have committed, when it is little; the rest is loaded while clients are served. */
function loadOffsets({ broker, store }: Node): void {
  const before = store.counters.bytesRead;
  while (broker.offsets.isLoading) {
    if (store.counters.bytesRead - before > OFFSETS_LOAD_FIRST_BYTES) return;
    broker.offsets.load(null);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
