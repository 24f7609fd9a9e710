/**
 * The control plane on the main thread: what shards ask for, in the order in which it becomes
 * durable, known to the shard, and answered.
 *
 *     create   catalogue, directories (log/keeper.ts) -> add_topic -> answer
 *     grow     catalogue, directories -> add_topic -> answer
 *     alter    catalogue -> change_topic, apply_config -> answer
 *     delete   catalogue -> remove_topic -> directories renamed -> answer -> files, one by one
 *     offsets  newest of each partition -> checkpoint files -> log_start where one rose
 *
 * Topics are created, changed and deleted one after another. Of the offsets that arrive while
 * the files are written only the newest are written next.
 *
 * Invariant: nothing is answered as done that the next start would not find. Whatever cannot go on
 * (the shard is gone, nobody knows which catalogue is on disk) is handed to `fail`, once.
 */

import { trace } from "../base/trace.ts";
import { changeSettings, type SettingEntry } from "../format/broker_settings.ts";
import { ErrorCodes } from "../format/errors.ts";
import type { ConfigChange, ConfigEntry } from "../format/topic_config.ts";
import type { TopicDefinition, TopicEntry } from "../log/catalogue.ts";
import { StorageError } from "../log/files.ts";
import type { CheckpointEntry, Keeper, Refusal } from "../log/keeper.ts";
import { PRODUCER_ID_BLOCK } from "../limits.ts";
import type { TopicStart } from "./messages.ts";

/** How long a disk that refused a checkpoint file is left alone. */
const RETRY_MS = 1000;

const NO_ID = "00000000-0000-0000-0000-000000000000";

export interface Answer {
  readonly error: number;
  readonly message: string;
  readonly topicId: string;
}

const DONE: Answer = { error: ErrorCodes.none, message: "", topicId: NO_ID };
const SHUTTING_DOWN: Answer = refusal(ErrorCodes.shutting_down, "");

function refusal(error: number, message: string): Answer {
  return { error, message, topicId: NO_ID };
}

/** Ids that are the shard's from now on, or why there are none. */
export interface ProducerIdBlock {
  readonly error: number;
  readonly message: string;
  readonly first: number;
  readonly count: number;
}

/** The shard, as main talks to it. Every call rejects when the shard is gone. */
export interface ShardLink {
  /** Returns what the disk refused, or an empty text. */
  addTopic(topic: TopicStart): Promise<string>;
  removeTopic(name: string, topicId: string): Promise<void>;
  /** Puts all that is set in force. */
  changeTopic(name: string, topicId: string, config: readonly ConfigEntry[]): Promise<void>;
  /** Puts all settings of the broker in force. */
  applyConfig(entries: readonly SettingEntry[]): Promise<void>;
  logStart(entry: CheckpointEntry): Promise<void>;
  producerIds(block: ProducerIdBlock): Promise<void>;
  answer(token: number, answer: Answer): Promise<void>;
}

export interface ControlOptions {
  readonly keeper: Keeper;
  readonly shard: ShardLink;
  /** All settings of the broker, with these changes. */
  readonly settings: (changes: readonly ConfigEntry[]) => SettingEntry[];
  /** Of all topics together; with more the next start would be refused. */
  readonly partitionsMax: number;
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly fail: (error: Error) => void;
}

export class Control {
  readonly #keeper: Keeper;
  readonly #shard: ShardLink;
  readonly #settings: ControlOptions["settings"];
  readonly #partitionsMax: number;
  readonly #pause: (milliseconds: number) => Promise<void>;
  readonly #fail: (error: Error) => void;
  #topics: Promise<void> = Promise.resolve();
  #removals: Promise<void> = Promise.resolve();
  #checkpoints: Promise<void> = Promise.resolve();
  #isWriting = false;
  #isClosing = false;
  /** By topic id and partition: reported and not yet in the files. */
  readonly #reported: Map<string, CheckpointEntry> = new Map();

  constructor(options: ControlOptions) {
    this.#keeper = options.keeper;
    this.#shard = options.shard;
    this.#settings = options.settings;
    this.#partitionsMax = options.partitionsMax;
    this.#pause = options.pause;
    this.#fail = options.fail;
    for (const topicId of this.#keeper.deletions) this.#removeFiles(topicId);
  }

  createTopic(token: number, wanted: TopicDefinition): void {
    this.#queue(token, () => this.#create(wanted));
  }

  deleteTopic(token: number, name: string): void {
    this.#queue(token, () => this.#delete(name));
  }

  alterTopic(token: number, name: string, change: ConfigChange): void {
    this.#queue(token, () => this.#alter(name, change));
  }

  addPartitions(token: number, name: string, partitions: number): void {
    this.#queue(token, () => this.#grow(name, partitions));
  }

  /** A shard has used up its producer ids. */
  giveProducerIds(): void {
    this.#topics = this.#watched(this.#topics, async () => {
      await this.#shard.producerIds(this.#takeProducerIds());
    });
  }

  alterConfig(token: number, change: ConfigChange): void {
    this.#queue(token, () => this.#alterConfig(change));
  }

  checkpoint(entries: readonly CheckpointEntry[]): void {
    this.#report(entries);
    if (this.#isWriting || this.#isClosing) return;
    this.#isWriting = true;
    this.#checkpoints = this.#watched(this.#checkpoints, () => this.#writeCheckpoints());
  }

  /** The disk has room again, or can be written again. */
  diskIsOk(): void {
    this.#keeper.makeReserve();
  }

  /** Takes no more work and settles when what was begun is done; files may be left to remove. */
  async finish(): Promise<void> {
    this.#isClosing = true;
    await this.#topics;
    await Promise.all([this.#removals, this.#checkpoints]);
  }

  /** The last offsets of a shard that has stopped. Throws StorageError. */
  finishCheckpoints(entries: readonly CheckpointEntry[]): void {
    this.#report(entries);
    this.#keeper.checkpoint([...this.#reported.values()]);
    this.#reported.clear();
  }

  #queue(token: number, work: () => Promise<Answer>): void {
    this.#topics = this.#watched(this.#topics, async () => {
      await this.#shard.answer(token, this.#isClosing ? SHUTTING_DOWN : await work());
    });
  }

  async #create(wanted: TopicDefinition): Promise<Answer> {
    const tooMany = this.#refuseTooMany(wanted.name, wanted.partitions);
    if (tooMany !== null) return tooMany;
    const created = this.#keepNew(wanted);
    if (!("topicId" in created)) return refusal(created.error, created.message);
    const refused = await this.#shard.addTopic({ ...created, points: [] });
    if (refused === "") {
      const { name, topicId, partitions } = created;
      trace("info", `created topic ${name}, partitions: ${partitions}`);
      return { error: ErrorCodes.none, message: "", topicId };
    }
    await this.#delete(wanted.name);
    return refusal(ErrorCodes.storage_failed, refused);
  }

  #takeProducerIds(): ProducerIdBlock {
    const none = { message: "", first: 0, count: 0 };
    if (this.#isClosing) return { ...none, error: ErrorCodes.shutting_down };
    const first = this.#stored(() => this.#keeper.takeProducerIds());
    if (typeof first === "string") {
      return { ...none, error: ErrorCodes.storage_failed, message: first };
    }
    if (first < 0) return { ...none, error: ErrorCodes.producer_ids_exhausted };
    return { error: ErrorCodes.none, message: "", first, count: PRODUCER_ID_BLOCK };
  }

  #keepNew(wanted: TopicDefinition): TopicEntry | Refusal {
    const refused = this.#stored(() => {
      const begun = this.#keeper.beginCreate(wanted);
      if ("topicId" in begun) this.#keeper.finishCreate(wanted.name);
      return begun;
    });
    if (typeof refused !== "string") return refused;
    this.#stored(() => this.#keeper.abandonCreate(wanted.name));
    return { error: ErrorCodes.storage_failed, message: refused };
  }

  async #alter(name: string, change: ConfigChange): Promise<Answer> {
    const altered = this.#stored(() => this.#keeper.alterTopic(name, change));
    if (typeof altered === "string") return refusal(ErrorCodes.storage_failed, altered);
    if (!("topicId" in altered)) return refusal(altered.error, altered.message);
    const { topicId, config } = altered;
    await this.#shard.changeTopic(name, topicId, config);
    const set = config.map(({ key, value }) => `${key}=${value}`).join(" ");
    trace("info", `changed topic ${name}: ${set === "" ? "all defaults" : set}`);
    return DONE;
  }

  async #alterConfig(change: ConfigChange): Promise<Answer> {
    const changes = changeSettings(this.#keeper.settings, change);
    if (typeof changes === "string") return refusal(ErrorCodes.invalid_config, changes);
    const refused = this.#stored(() => this.#keeper.changeSettings(changes));
    if (typeof refused === "string") return refusal(ErrorCodes.storage_failed, refused);
    await this.#shard.applyConfig(this.#settings(changes));
    for (const { key, value } of change.set) trace("info", `changed setting ${key}=${value}`);
    for (const { key } of change.unset) trace("info", `setting ${key} is changed no more`);
    return DONE;
  }

  async #grow(name: string, partitions: number): Promise<Answer> {
    const tooMany = this.#refuseTooMany(name, partitions);
    if (tooMany !== null) return tooMany;
    const grown = this.#stored(() => {
      const begun = this.#keeper.beginGrow(name, partitions);
      return "topicId" in begun ? this.#keeper.finishGrow(name) : begun;
    });
    if (typeof grown === "string") {
      this.#stored(() => this.#keeper.abandonGrow(name));
      return refusal(ErrorCodes.storage_failed, grown);
    }
    if (!("topicId" in grown)) return refusal(grown.error, grown.message);
    const points = Array.from({ length: partitions }, (_, partition) => ({
      recoveryPoint: this.#keeper.recoveryPoint(name, partition),
      logStart: this.#keeper.logStart(name, partition),
    }));
    const refused = await this.#shard.addTopic({ ...grown, points });
    if (refused !== "") {
      const message = `${name} has its partitions and they are not open: ${refused}; ask again`;
      return refusal(ErrorCodes.storage_failed, message);
    }
    trace("info", `topic ${name} has more partitions: ${partitions}`);
    return DONE;
  }

  /** What makes it impossible to start again is not taken, whoever asks for it. */
  #refuseTooMany(name: string, partitions: number): Answer | null {
    const others = this.#keeper.topics.filter((topic) => topic.name !== name);
    const served = others.reduce((sum, topic) => sum + topic.partitions, 0);
    const left = this.#partitionsMax - served;
    if (partitions <= left) return null;
    const message = `there is room for ${Math.max(0, left)} partitions: ` +
      `${this.#partitionsMax} in all (ulimit -n, LimitNOFILE)`;
    return refusal(ErrorCodes.invalid_partitions, message);
  }

  async #delete(name: string): Promise<Answer> {
    const deleted = this.#stored(() => this.#keeper.beginDelete(name));
    if (deleted === null) return refusal(ErrorCodes.topic_not_found, name);
    if (typeof deleted === "string") return refusal(ErrorCodes.storage_failed, deleted);
    const { topicId } = deleted;
    await this.#shard.removeTopic(name, topicId);
    const refused = this.#stored(() => this.#keeper.renameDeleted(topicId));
    if (typeof refused === "string") {
      const message = `${name} is deleted, its files are not: ${refused}; the next start goes on`;
      return { error: ErrorCodes.storage_failed, message, topicId };
    }
    trace("info", `deleted topic ${name}`);
    this.#removeFiles(topicId);
    return { error: ErrorCodes.none, message: "", topicId };
  }

  /** One file at a time, with everything else in between. */
  #removeFiles(topicId: string): void {
    this.#removals = this.#watched(this.#removals, async () => {
      const steps = this.#keeper.deletionSteps(topicId);
      for (;;) {
        await this.#pause(0);
        if (this.#isClosing) return void steps.return(); // the next start goes on
        const step = this.#stored(() => steps.next());
        if (typeof step === "string") trace("warning", `files of a deleted topic stay: ${step}`);
        if (typeof step === "string" || step.done === true) return;
      }
    });
  }

  #report(entries: readonly CheckpointEntry[]): void {
    for (const entry of entries) {
      const key = `${entry.topicId} ${entry.partition}`;
      const logStart = Math.max(entry.logStart, this.#reported.get(key)?.logStart ?? 0);
      this.#reported.set(key, { ...entry, logStart });
    }
  }

  async #writeCheckpoints(): Promise<void> {
    let told = "";
    try {
      while (this.#reported.size > 0 && !this.#isClosing) {
        await this.#pause(0); // what has arrived by now is written with it
        const refused = await this.#writeReported();
        if (refused === "") continue;
        if (refused !== told) trace("warning", `no checkpoint, it is tried again: ${refused}`);
        told = refused;
        await this.#pause(RETRY_MS);
      }
    } finally {
      this.#isWriting = false;
    }
  }

  /** Returns what the disk refused, or an empty text. What it took is told all the same. */
  async #writeReported(): Promise<string> {
    const entries = [...this.#reported.values()];
    const before = entries.map((entry) => this.#logStartOf(entry));
    const refused = this.#stored(() => this.#keeper.checkpoint(entries));
    if (typeof refused !== "string") this.#reported.clear();
    const risen = entries.filter((entry, at) => this.#logStartOf(entry) > before[at]!);
    for (const entry of risen) {
      await this.#shard.logStart({ ...entry, logStart: this.#logStartOf(entry) });
    }
    return typeof refused === "string" ? refused : "";
  }

  /** On disk; unknown is where every log begins. */
  #logStartOf({ topic, partition }: CheckpointEntry): number {
    return Math.max(0, this.#keeper.logStart(topic, partition));
  }

  /** The result of a step, or what the disk refused. Throws when nobody knows what is on disk. */
  #stored<T>(step: () => T): T | string {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (this.#keeper.isInDoubt) throw error;
      return error.message;
    }
  }

  /** `work` behind what was begun before; its failure ends the broker and not the process. */
  #watched(before: Promise<void>, work: () => Promise<void>): Promise<void> {
    return before.then(work).catch((error: unknown) => {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    });
  }
}
