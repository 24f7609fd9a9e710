/**
 * Operation code to handler. Filled once as this file loads; a test holds that every operation of
 * both tables has one.
 */

import { assert } from "../../base/assert.ts";
import { CONTROL_OPERATIONS } from "../control_operations.ts";
import type { Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { OPERATIONS } from "../operations.ts";
import type { Session } from "../session.ts";
import { addCredit } from "./add_credit.ts";
import { addPartitions } from "./add_partitions.ts";
import { addTopic } from "./add_topic.ts";
import { alterConfig } from "./alter_config.ts";
import { alterTopic } from "./alter_topic.ts";
import { answer } from "./answer.ts";
import { applyConfig } from "./apply_config.ts";
import { changeTopic } from "./change_topic.ts";
import { commitOffsets } from "./commit_offsets.ts";
import { closeConnection } from "./close_connection.ts";
import { connections } from "./connections.ts";
import { createTopic } from "./create_topic.ts";
import { deleteGroup } from "./delete_group.ts";
import { deleteRecords } from "./delete_records.ts";
import { deleteTopic } from "./delete_topic.ts";
import { describeConfig } from "./describe_config.ts";
import { describeTopic } from "./describe_topic.ts";
import { fetch } from "./fetch.ts";
import { fetchOffsets } from "./fetch_offsets.ts";
import { groupLags } from "./group_lags.ts";
import { health } from "./health.ts";
import { hello } from "./hello.ts";
import { histograms } from "./histograms.ts";
import { initProducer } from "./init_producer.ts";
import { listGroups } from "./list_groups.ts";
import { listTopics } from "./list_topics.ts";
import { logStart } from "./log_start.ts";
import { metadata } from "./metadata.ts";
import { offsetForTime } from "./offset_for_time.ts";
import { offsetTimes } from "./offset_times.ts";
import { offsets } from "./offsets.ts";
import { openPartition } from "./open_partition.ts";
import { paceSubscription } from "./pace_subscription.ts";
import { ping } from "./ping.ts";
import { produce } from "./produce.ts";
import { producerIds } from "./producer_ids.ts";
import { removeTopic } from "./remove_topic.ts";
import { stats } from "./stats.ts";
import { stop } from "./stop.ts";
import { subscribe } from "./subscribe.ts";
import { topicCounters } from "./topic_counters.ts";
import { unsubscribe } from "./unsubscribe.ts";

/** Executes a request. Returns HANDLED or MUST_WAIT; throws RequestError or BodyError. */
export type Run = (door: NativeDoor, session: Session, request: Request) => number;

export interface Handler {
  readonly name: string;
  readonly version: number;
  readonly beforeHello: boolean;
  /** It allocates nothing. */
  readonly isHot: boolean;
  /** What it allocates is let go when its turn is over. */
  readonly isQuestion: boolean;
  readonly controlOnly: boolean;
  /** The door answers it, at once or later; it says then how long that took. */
  readonly isAnsweredByDoor: boolean;
  readonly run: Run;
}

const RUNS: ReadonlyMap<string, Run> = new Map<string, Run>([
  ["hello", hello],
  ["ping", ping],
  ["create_topic", createTopic],
  ["delete_topic", deleteTopic],
  ["alter_topic", alterTopic],
  ["add_partitions", addPartitions],
  ["describe_topic", describeTopic],
  ["metadata", metadata],
  ["open_partition", openPartition],
  ["produce", produce],
  ["fetch", fetch],
  ["subscribe", subscribe],
  ["add_credit", addCredit],
  ["unsubscribe", unsubscribe],
  ["pace_subscription", paceSubscription],
  ["offsets", offsets],
  ["offset_for_time", offsetForTime],
  ["delete_records", deleteRecords],
  ["offset_times", offsetTimes],
  ["init_producer", initProducer],
  ["commit_offsets", commitOffsets],
  ["fetch_offsets", fetchOffsets],
  ["list_groups", listGroups],
  ["delete_group", deleteGroup],
  ["group_lags", groupLags],
  ["producer_ids", producerIds],
  ["stats", stats],
  ["describe_config", describeConfig],
  ["alter_config", alterConfig],
  ["connections", connections],
  ["histograms", histograms],
  ["health", health],
  ["topic_counters", topicCounters],
  ["list_topics", listTopics],
  ["close_connection", closeConnection],
  ["add_topic", addTopic],
  ["answer", answer],
  ["stop", stop],
  ["remove_topic", removeTopic],
  ["log_start", logStart],
  ["change_topic", changeTopic],
  ["apply_config", applyConfig],
]);

/** Answered by `appendDone`, `fetchDone` and the like. */
const ANSWERED_BY_DOOR: ReadonlySet<string> = new Set([
  "produce",
  "fetch",
  "delete_records",
  "offset_for_time",
]);

const HOT: ReadonlySet<string> = new Set(["produce", "fetch", "add_credit"]);

/** All that they make is their answer. */
const QUESTIONS: ReadonlySet<string> = new Set([
  "ping",
  "describe_topic",
  "metadata",
  "offsets",
  "offset_times",
  "fetch_offsets",
  "list_groups",
  "group_lags",
  "stats",
  "describe_config",
  "connections",
  "histograms",
  "health",
  "topic_counters",
  "list_topics",
]);

const HANDLERS: readonly (Handler | undefined)[] = buildTable();

export function handlerOf(operation: number): Handler | undefined {
  return HANDLERS[operation];
}

function buildTable(): (Handler | undefined)[] {
  const rows = [...OPERATIONS, ...CONTROL_OPERATIONS];
  const codeMax = rows.reduce((max, row) => Math.max(max, row.code), 0);
  const table: (Handler | undefined)[] = new Array(codeMax + 1).fill(undefined);
  for (const row of rows) {
    const run = RUNS.get(row.name);
    assert(run !== undefined, "every operation has a handler");
    assert(table[row.code] === undefined, "operation codes are distinct");
    table[row.code] = {
      name: row.name,
      version: row.version,
      beforeHello: row.name === "hello",
      isHot: HOT.has(row.name),
      isQuestion: QUESTIONS.has(row.name),
      isAnsweredByDoor: ANSWERED_BY_DOOR.has(row.name),
      controlOnly: CONTROL_OPERATIONS.some((control) => control.code === row.code),
      run,
    };
  }
  return table;
}
