/**
 * What befalls topics as wholes: they are made, changed, given partitions, and deleted. What was
 * answered is there after every crash; what was asked for is there whole or not at all; what was
 * refused is not.
 */
import { changeTopicConfig, type ConfigEntry } from "../../src/format/topic_config.ts";
import { StorageError } from "../../src/log/files.ts";
import { fetchCold } from "./fetching.ts";
import { type Life, orEnd, ProcessEnd } from "./life.ts";
import type { TopicModel } from "./model.ts";
import { drawChange } from "./plan.ts";
import { addTopic, levelOf } from "./start_checker.ts";
import { violated } from "./violation.ts";
import type { World } from "./world.ts";

const PARTITIONS_MAX = 4;

export function createTopic(world: World, life: Life): void {
  const { model, prng } = world;
  const missing = world.plan.topics.filter(({ name }) => !model.topics.has(name));
  if (missing.length === 0) return;
  const { name, partitions, config } = prng.pick(missing);
  world.note(`create topic ${name} with ${partitions} partitions`);
  model.inDoubt.add(name);
  if (!orEnd(() => life.createTopic({ name, partitions, config }))) {
    violated("T", `topic ${name} cannot be created`);
  }
  model.inDoubt.delete(name);
  const { topicId } = life.broker.topics.get(name)!;
  addTopic(model, { name, topicId, partitions, config });
}

export function deleteTopic(world: World, life: Life): void {
  const { model } = world;
  const names = [...model.topics.keys()];
  if (names.length < 2) return;
  const name = world.prng.pick(names);
  if (world.prng.chance(50)) fetchCold(world, life, name);
  world.note(`delete topic ${name}`);
  model.inDoubt.add(name);
  orEnd(() => life.deleteTopic(name));
  model.inDoubt.delete(name);
  model.deleted.add(model.topics.get(name)!.topicId);
  model.topics.delete(name);
  world.stats.deletions += 1;
}

export function alterTopic(world: World, life: Life): void {
  const known = pickTopic(world);
  if (known === null) return;
  const { name, settings } = known;
  const change = drawChange(world.prng);
  const wanted = changeTopicConfig(settings.answered, change);
  if (typeof wanted === "string") return violated("X", wanted);
  world.note(`alter topic ${name}: ${JSON.stringify(change)}`);
  settings.ask(wanted);
  const refused = refusal(life, () => life.alterTopic(name, change));
  if (refused !== "") {
    settings.refuse();
    return world.note(`  refused: ${refused}`);
  }
  settings.settle(wanted);
  followLevel(known, life, wanted);
  world.stats.alterations += 1;
}

function followLevel(known: TopicModel, life: Life, settings: readonly ConfigEntry[]): void {
  const level = levelOf(settings);
  for (const partition of known.partitions) {
    const served = life.partition(known.name, partition.index);
    partition.changeLevel(level, served?.log.visible.offset ?? 0);
  }
}

export function addPartitions(world: World, life: Life): void {
  const known = pickTopic(world);
  if (known === null) return;
  const { name, sizes } = known;
  const wanted = world.prng.between(sizes.answered, PARTITIONS_MAX);
  world.note(`give topic ${name} ${wanted} partitions`);
  sizes.ask(wanted);
  const refused = refusal(life, () => {
    const grown = life.growTopic(name, wanted);
    sizes.settle(wanted); // the catalogue has them, whatever becomes of opening them
    life.openTopic(grown, true);
  });
  if (refused !== "" && sizes.answered !== wanted) sizes.refuse();
  if (refused !== "") return world.note(`  refused: ${refused}`);
  if (wanted > known.partitions.length) world.stats.growths += 1;
  known.grow(wanted, levelOf(known.settings.answered));
}

/** What the shard serves is what was answered. */
export function checkInForce(world: World, life: Life): void {
  for (const { name, settings, partitions } of world.model.topics.values()) {
    const topic = life.broker.topics.get(name);
    if (topic === undefined) return violated("T", `topic ${name} is not served`);
    if (topic.partitions.length !== partitions.length) {
      const served = topic.partitions.length;
      violated("T", `topic ${name}: ${served} of ${partitions.length} partitions are served`);
    }
    if (!settings.allows(topic.settings)) {
      violated("T", `topic ${name} follows ${JSON.stringify(topic.settings)}`);
    }
  }
}

function pickTopic(world: World): TopicModel | null {
  const topics = [...world.model.topics.values()];
  return topics.length === 0 ? null : world.prng.pick(topics);
}

/** What the disk refused, or an empty text. The process ends where nobody knows what is on it. */
function refusal(life: Life, step: () => void): string {
  try {
    step();
    return "";
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (life.keeper.isInDoubt) throw new ProcessEnd(error.message);
    return error.message;
  }
}
