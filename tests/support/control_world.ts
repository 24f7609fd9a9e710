/**
 * The control plane over a simulated disk. The shard is the test's: it writes down what it was
 * asked, and what the catalogue on disk said then.
 */
import assert from "node:assert/strict";
import type { SettingEntry } from "../../src/format/broker_settings.ts";
import type { ConfigEntry } from "../../src/format/topic_config.ts";
import { loadCatalogue } from "../../src/log/catalogue.ts";
import { DataDirectory } from "../../src/log/data_directory.ts";
import { type CheckpointEntry, Keeper } from "../../src/log/keeper.ts";
import {
  type Answer,
  Control,
  type ProducerIdBlock,
  type ShardLink,
} from "../../src/server/control.ts";
import type { TopicStart } from "../../src/server/messages.ts";
import { type CallName, FaultyLibc } from "../sim/faulty_libc.ts";
import { SimLibc } from "../sim/sim_libc.ts";

export class ControlWorld implements ShardLink {
  readonly libc: FaultyLibc;
  readonly directory: DataDirectory;
  readonly keeper: Keeper;
  readonly control: Control;
  /** What the shard was asked, with what the catalogue on disk said then. */
  readonly heard: string[] = [];
  readonly answers: Map<number, Answer> = new Map();
  readonly failures: Error[] = [];
  readonly pauses: number[] = [];
  /** What add_topic answers. */
  refusal = "";
  isGone = false;
  pauseEnds: Promise<void> = Promise.resolve();
  /** Called before a pause is over. */
  whilePaused: (milliseconds: number) => void = () => {};

  constructor(inner: SimLibc = new SimLibc({ seed: 1 })) {
    this.libc = new FaultyLibc(inner);
    this.directory = DataDirectory.open(this.libc, "/data", true);
    this.keeper = new Keeper(this.directory, this.libc);
    this.keeper.reconcile();
    this.control = new Control({
      keeper: this.keeper,
      shard: this,
      settings: (changes) => {
        return changes.map((entry) => ({ ...entry, source: 4, changeable: 1, text: "" }));
      },
      partitionsMax: 8,
      pause: (milliseconds) => {
        this.pauses.push(milliseconds);
        this.whilePaused(milliseconds);
        return this.pauseEnds;
      },
      fail: (error) => this.failures.push(error),
    });
  }

  addTopic(topic: TopicStart): Promise<string> {
    return this.#hear(`add ${topic.name} ${topic.points.length}`, this.refusal);
  }

  changeTopic(name: string, _: string, config: readonly ConfigEntry[]): Promise<void> {
    const set = config.map(({ key, value }) => `${key}=${value}`).join(" ");
    return this.#hear(`change ${name} ${set}`, undefined);
  }

  applyConfig(entries: readonly SettingEntry[]): Promise<void> {
    const durable = loadCatalogue(this.libc, this.directory.fd)!.settings;
    const text = (list: readonly ConfigEntry[]) => list.map(({ key, value }) => `${key}=${value}`);
    return this.#hear(`apply ${text(entries)} of ${text(durable)}`, undefined);
  }

  producerIds(block: ProducerIdBlock): Promise<void> {
    return this.#hear(`ids ${block.error} ${block.first} ${block.count}`, undefined);
  }

  removeTopic(name: string): Promise<void> {
    return this.#hear(`remove ${name}`, undefined);
  }

  logStart({ topic, partition, logStart }: CheckpointEntry): Promise<void> {
    const durable = new Keeper(this.directory, this.libc).logStart(topic, partition);
    return this.#hear(`log_start ${topic}-${partition} ${logStart} of ${durable}`, undefined);
  }

  answer(token: number, answer: Answer): Promise<void> {
    this.answers.set(token, answer);
    return this.#hear(`answer ${token} ${answer.error}`, undefined);
  }

  #hear<T>(what: string, result: T): Promise<T> {
    const { topics, deletions } = loadCatalogue(this.libc, this.directory.fd)!;
    const names = topics.map(({ name, state, partitions, config }) => {
      const more = partitions === 2 ? "" : `:${partitions}`;
      return `${name}:${state}${more}${config.map(({ value }) => `:${value}`).join("")}`;
    });
    names.push(...deletions.map(({ name }) => `${name}:deleting`));
    this.heard.push(`${what} [${names.join(" ")}]`);
    return this.isGone ? Promise.reject(new Error("the shard is gone")) : Promise.resolve(result);
  }

  /** The next start, after a kill. */
  again(): ControlWorld {
    const disk = this.libc.inner as SimLibc;
    disk.crash("kill");
    return new ControlWorld(disk);
  }

  async answered(token: number): Promise<Answer> {
    await until(() => this.answers.has(token));
    return this.answers.get(token)!;
  }

  create(token: number, name: string, partitions: number = 2): void {
    this.control.createTopic(token, { name, topicId: "", partitions, config: [] });
  }

  refuse(call: CallName, errno: number, from: number = 1): void {
    const first = this.libc.count(call) + from;
    this.libc.plan = (name, k) => name === call && k >= first ? { kind: "error", errno } : null;
  }

  entry(
    topic: string,
    partition: number,
    recoveryPoint: number,
    logStart: number,
  ): CheckpointEntry {
    const { topicId } = this.keeper.topics.find(({ name }) => name === topic)!;
    return { topic, topicId, partition, recoveryPoint, logStart };
  }
}

/** Everything here goes on by promises alone. */
export async function until(done: () => boolean): Promise<void> {
  for (let i = 0; !done(); i += 1) {
    assert.ok(i < 10000, "it never came to this");
    await Promise.resolve();
  }
}
