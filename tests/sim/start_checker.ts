/**
 * The checker of a start: what the data directory says after a crash against what was answered
 * before it. Topics are there or not as they were answered, the node epoch is new, and every log
 * is what the model allows.
 */
import { Level } from "../../src/format/levels.ts";
import { type ConfigEntry, parseTopicConfig } from "../../src/format/topic_config.ts";
import type { TopicEntry } from "../../src/log/catalogue.ts";
import { checkRecovered } from "./checker.ts";
import type { Life } from "./life.ts";
import type { LogView } from "./log_view.ts";
import { type Model, TopicModel } from "./model.ts";
import type { Prng } from "../support/prng.ts";
import { checkEpochs, checkProducers } from "./state_checker.ts";
import { violated } from "./violation.ts";

/** How the process before this one has ended. */
export interface Ending {
  /** It stopped cleanly; "maybe": it was cut off when it said so. */
  clean: "no" | "maybe" | "yes";
  /** Nothing took away what was in the page cache. */
  kept: boolean;
  /** The device lies: what was promised may be gone. */
  lying: boolean;
  /** Node epoch of the last process that served; -1: none has. */
  epoch: number;
}

/** What kept the start from doing all that it wants to. */
export interface Hindrance {
  /** Writes may have failed. */
  readonly isFull: boolean;
  /** Syncs may have failed. */
  readonly isTroubled: boolean;
}

/** True when all is well; false when a lying device leaves nothing to be said. */
export function checkStart(
  model: Model,
  life: Life,
  view: LogView,
  prng: Prng,
  ending: Ending,
  { isFull, isTroubled }: Hindrance,
): boolean {
  const { clean } = life.directory;
  if (clean && ending.clean === "no" && ending.epoch >= 0) {
    violated("E", "it says it was stopped cleanly");
  }
  if (!clean && ending.clean === "yes") {
    violated("E", "it was stopped cleanly and does not know it");
  }
  if (life.epoch < ending.epoch || (life.epoch === ending.epoch && !clean)) {
    violated("E", `node epoch ${life.epoch} is not above ${ending.epoch}, which was used`);
  }
  const [unknown] = life.unknown;
  if (unknown !== undefined) violated("T", `directory ${unknown} is of no topic`);
  checkTopics(model, life, !isFull && !isTroubled);
  for (const { partition, report } of life.opened) {
    const known = model.partition(partition.topic.name, partition.index)!;
    const { log } = partition;
    if (ending.lying && log.degraded !== "") return false;
    const mustReach = ending.lying ? 0 : known.mustReach(ending.kept);
    checkRecovered(model, known, log, view, prng, mustReach);
    checkProducers(known, log);
    checkEpochs(known, log);
    // Where the disk was full the last checkpoint may be an old one.
    if (ending.clean === "yes" && !isFull && report.bytesScanned > 0) {
      violated("L1", `${known.name}: ${report.bytesScanned} bytes scanned after a clean stop`);
    }
  }
  return true;
}

function checkTopics(model: Model, life: Life, isUndone: boolean): void {
  const found = new Map(life.keeper.topics.map((topic) => [topic.name, topic]));
  for (const { name, topicId, growingTo } of found.values()) {
    if (model.deleted.has(topicId)) violated("T", `topic ${name} was deleted and is back`);
    const known = model.topics.get(name);
    if (known !== undefined && known.topicId !== topicId) {
      violated("T", `topic ${name} has another id than it had`);
    }
    if (known === undefined && !model.inDoubt.has(name)) {
      violated("T", `topic ${name}: nobody asked for it`);
    }
    if (growingTo !== undefined && isUndone) violated("T", `topic ${name} is growing`);
  }
  for (const [name, known] of [...model.topics]) {
    const topic = found.get(name);
    if (topic !== undefined) {
      checkTopic(known, topic);
      continue;
    }
    if (!model.inDoubt.has(name)) violated("T", `topic ${name} was acknowledged and is gone`);
    model.topics.delete(name);
  }
  for (const topic of found.values()) {
    if (!model.topics.has(topic.name)) addTopic(model, topic);
  }
  model.inDoubt.clear();
}

/** It has the partitions and the settings that were answered, or all that was asked for at once. */
function checkTopic(known: TopicModel, { name, partitions, config }: TopicEntry): void {
  if (!known.sizes.allows(partitions)) {
    violated("T", `topic ${name} has ${partitions} partitions, not ${known.sizes.text}`);
  }
  if (!known.settings.allows(config)) {
    violated("T", `topic ${name} has ${JSON.stringify(config)}, not ${known.settings.text}`);
  }
  known.settings.settle(config);
  const level = levelOf(config);
  for (const partition of known.partitions) partition.level = level;
  known.grow(partitions, level);
}

/** The model of a topic that has just come to be. */
export function addTopic(model: Model, topic: Omit<TopicEntry, "state">): void {
  const { name, topicId, config, partitions } = topic;
  const made = new TopicModel(name, topicId, config, partitions);
  made.grow(partitions, levelOf(config));
  model.topics.set(name, made);
}

export function levelOf(settings: readonly ConfigEntry[]): Level {
  const config = parseTopicConfig(settings);
  return typeof config === "string" ? Level.fsync : config.durability;
}
