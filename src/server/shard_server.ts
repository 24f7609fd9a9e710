/**
 * What the doors of a shard ask of it: answers to send, topics to open, the main thread to talk
 * to.
 */

import { assert } from "../base/assert.ts";
import { alterTopic } from "../broker/alter_topic.ts";
import { confirmLogStart } from "../broker/log_starts.ts";
import { removeTopic } from "../broker/remove_topic.ts";
import type { NamedHistogram, Server } from "../native/door.ts";
import type { ControlRequestOf } from "../native/control_operations.ts";
import type { ReplyOf, RequestOf } from "../native/operations.ts";
import { type SettingEntry, topicConfigIn } from "../format/broker_settings.ts";
import type { ErrorCode } from "../format/errors.ts";
import { addTopic } from "./add_topics.ts";
import { applySettings } from "./apply_settings.ts";
import { askClose, listConnections } from "./connection_list.ts";
import { nodeCounters, nodeHealth, nodeHistograms } from "./counters.ts";
import type { Node } from "./node.ts";
import { beginStop } from "./stop.ts";

export class ShardServer implements Server {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  get nodeId(): number {
    return this.#node.start.nodeId;
  }

  get nodeEpoch(): number {
    return this.#node.start.nodeEpoch;
  }

  get version(): string {
    return this.#node.start.version;
  }

  get diskRefusal(): ErrorCode {
    return this.#node.store.disk.refusal;
  }

  address(): { host: string; port: number } {
    return this.#node.start.nativeAdvertised ?? this.#node.nativeAddress();
  }

  queueSend(slot: number): void {
    this.#node.queueSend(this.#node.connectionAt(slot)!);
  }

  /** Only a paused connection has frames that could go on. */
  queueDispatch(slot: number): void {
    const connection = this.#node.connectionAt(slot)!;
    if (connection.paused) this.#node.queueDispatch(connection);
  }

  createTopic(token: number, request: RequestOf<"create_topic">): void {
    const { name, partitions, config } = request;
    const topic = { name, topicId: "", partitions, config };
    this.#node.post({ kind: "create_topic", token, topic });
  }

  deleteTopic(token: number, name: string): void {
    this.#node.post({ kind: "delete_topic", token, name });
  }

  addTopic(
    request: ControlRequestOf<"add_topic">,
    slot: number,
    generation: number,
    correlation: number,
  ): void {
    addTopic(this.#node, request, slot, generation, correlation);
  }

  alterTopic(token: number, request: RequestOf<"alter_topic">): void {
    this.#node.post({ kind: "alter_topic", token, ...request });
  }

  addPartitions(token: number, request: RequestOf<"add_partitions">): void {
    this.#node.post({ kind: "add_partitions", token, ...request });
  }

  askForProducerIds(): void {
    this.#node.post({ kind: "producer_ids" });
  }

  changeTopic({ name, topicId, config: settings }: ControlRequestOf<"change_topic">): void {
    const { broker, nowMs } = this.#node;
    const topic = broker.topics.get(name);
    if (topic?.topicId !== topicId) return; // deleted meanwhile
    const config = topicConfigIn(broker.settings, name, settings);
    assert(typeof config !== "string", "the catalogue holds checked settings");
    alterTopic(broker, topic, settings, config, nowMs);
  }

  alterConfig(token: number, request: RequestOf<"alter_config">): void {
    this.#node.post({ kind: "alter_config", token, ...request });
  }

  applyConfig({ entries }: ControlRequestOf<"apply_config">): void {
    applySettings(this.#node, entries);
  }

  settings(): readonly SettingEntry[] {
    return this.#node.settings;
  }

  connections(): ReplyOf<"connections">["connections"] {
    return listConnections(this.#node);
  }

  closeConnection(id: number): boolean {
    return askClose(this.#node, id);
  }

  removeTopic(request: ControlRequestOf<"remove_topic">): void {
    const { broker, door } = this.#node;
    removeTopic(broker, request.name, request.topicId, door);
  }

  logStart(request: ControlRequestOf<"log_start">): void {
    const { broker, door } = this.#node;
    const topic = broker.topics.get(request.topic);
    const partition = topic?.partitions[request.partition];
    if (partition === undefined || topic?.topicId !== request.topicId) return; // deleted meanwhile
    confirmLogStart(broker, partition, request.offset, door);
  }

  stop(slot: number, generation: number, correlation: number): void {
    beginStop(this.#node, slot, generation, correlation);
  }

  counters(): { name: string; value: number }[] {
    return nodeCounters(this.#node);
  }

  health(): ReplyOf<"health"> {
    return nodeHealth(this.#node);
  }

  histograms(): NamedHistogram[] {
    return nodeHistograms(this.#node);
  }
}
