/**
 * An embedded broker: what `sluice serve` runs, and what a program or a test starts in its own
 * process. The main thread is a client of its shard like any other, over the Unix socket.
 *
 *     create topic: shard parks the reply -> catalogue durable -> add_topic -> answer
 *
 * Invariant: a topic is answered as created only when the catalogue that holds it is on disk and
 * its partitions are open.
 */

import { trace } from "./base/trace.ts";
import { Connection } from "./client/connection.ts";
import { type Address, type BrokerOptions, parseConfig } from "./config.ts";
import { ErrorCodes } from "./format/errors.ts";
import type { TopicEntry } from "./log/catalogue.ts";
import { controlOperation } from "./native/control_operations.ts";
import { Supervisor } from "./server/supervisor.ts";
import { PROGRAM } from "./version.ts";

const ADD_TOPIC = controlOperation("add_topic");
const ANSWER = controlOperation("answer");
const STOP = controlOperation("stop");
const NO_ID = "00000000-0000-0000-0000-000000000000";

export class Broker {
  readonly #supervisor: Supervisor;
  readonly #control: Connection;
  /** Topics are created one after another. */
  #queue: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | null = null;

  private constructor(supervisor: Supervisor, control: Connection) {
    this.#supervisor = supervisor;
    this.#control = control;
    supervisor.onCreateTopic = (token, topic) => {
      this.#queue = this.#queue.then(() => this.#createTopic(token, topic));
    };
  }

  /**
   * Starts a broker; it serves when the promise settles. Throws ConfigError, DirectoryError,
   * CatalogueError, StorageError or StartError, each with a message that says what to do.
   */
  static async start(options: BrokerOptions = {}): Promise<Broker> {
    const supervisor = await Supervisor.start(parseConfig(options), PROGRAM);
    const control = await Connection.connect({ path: supervisor.socketPath });
    return new Broker(supervisor, control);
  }

  /** Where clients connect. */
  get addresses(): { native: Address } {
    return { native: this.#supervisor.native };
  }

  /** Drains, syncs everything and marks the directory clean. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#queue;
    await this.#control.request(STOP, {});
    this.#control.close();
    await this.#supervisor.close();
  }

  async #createTopic(token: number, wanted: TopicEntry): Promise<void> {
    const answer = await this.#addToCatalogue(wanted);
    await this.#control.request(ANSWER, { token, ...answer });
  }

  async #addToCatalogue(
    wanted: TopicEntry,
  ): Promise<{ error: number; message: string; topicId: string }> {
    const { directory } = this.#supervisor;
    const { catalogue } = directory;
    if (catalogue.topics.some((topic) => topic.name === wanted.name)) {
      return { error: ErrorCodes.topic_exists, message: wanted.name, topicId: NO_ID };
    }
    const topic = { ...wanted, topicId: directory.newTopicId() };
    const before = catalogue.topics;
    catalogue.topics = [...before, topic];
    try {
      directory.save();
      await this.#control.request(ADD_TOPIC, { ...topic, config: [...topic.config] });
      trace("info", `created topic ${topic.name} with ${topic.partitions} partitions`);
      return { error: ErrorCodes.none, message: "", topicId: topic.topicId };
    } catch (error) {
      catalogue.topics = before;
      directory.save();
      const message = error instanceof Error ? error.message : String(error);
      return { error: ErrorCodes.storage_failed, message, topicId: NO_ID };
    }
  }
}
