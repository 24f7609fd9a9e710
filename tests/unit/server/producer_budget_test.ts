/** Above the budget of unsynced bytes producers wait; nobody else does, and nothing is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SYNCS_IN_FLIGHT_MAX } from "../../../src/limits.ts";
import { batchOfSize, concat } from "../../support/batches.ts";
import { FakeAio } from "../../support/fake_aio.ts";
import * as frames from "../../support/frames.ts";
import { type NodeClient, NodeWorld, real } from "../../support/node_world.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const BUDGET = 3000;

/** A shard whose syncs end when the test says so. */
class BudgetWorld extends NodeWorld {
  readonly aio: FakeAio;

  constructor(level: string) {
    const aio = new FakeAio(SYNCS_IN_FLIGHT_MAX);
    const inner = (world: NodeWorld) => real(world, { openAio: () => aio });
    super(temporaryDirectory("budget"), inner, {}, { unsyncedBytesMax: BUDGET });
    this.aio = aio;
    this.addTopic("t", 2, [{ key: "durability", value: level }, {
      key: "flush.ms",
      value: "9000",
    }]);
  }

  get appends(): number {
    return this.node.broker.counters.appends;
  }

  get unsynced(): number {
    return this.node.store.unsyncedBytes;
  }

  /** The syncs in flight end well, and the shard hears of it in a turn. */
  endSyncs(): void {
    this.aio.finishAll();
    this.node.syncer.reap(this.node.nowMs, this.node.door);
    for (let i = 0; i < 2 && this.node.running; i += 1) this.turns(1);
  }

  /** Four batches that go over the budget, from one connection. */
  fill(client: NodeClient): void {
    for (let i = 0; i < 4; i += 1) {
      client.send(frames.produce(0, batchOfSize(1000, i), i));
      this.until(() => this.appends === i + 1, "it is appended");
    }
    assert.equal(this.unsynced, 4000);
    assert.equal(this.node.broker.holdsProducers, true);
  }
}

test("over the budget no batch is taken and its sender is not read, until syncs end", () => {
  const world = new BudgetWorld("fsync");
  const producer = world.client();
  world.fill(producer);
  for (let i = 4; i < 6; i += 1) {
    producer.send(frames.produce(0, batchOfSize(1000, i), i));
    world.turns(3);
  }
  assert.equal(world.appends, 4);
  assert.equal(world.node.connectionAt(8)!.readArmed, false, "the rest stays in its socket");
  assert.deepEqual(producer.take(), []);
  world.endSyncs(); // of the first batch: that makes room for one more
  world.until(() => world.appends === 5, "what was held is taken");
  world.turns(3);
  assert.equal(world.appends, 5);
  const replies: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    world.endSyncs();
    replies.push(...producer.take().map(({ correlation }) => correlation));
  }
  assert.deepEqual(replies, [0, 1, 2, 3, 4, 5], "each once, in order");
  assert.equal(world.unsynced, 0);
  assert.equal(world.node.counters.producerHolds, 2);
  world.end();
});

test("meanwhile fetches, other requests and level os go on", () => {
  const world = new BudgetWorld("fsync");
  world.addTopic("o", 1, [{ key: "durability", value: "os" }]);
  const [producer, other] = [world.client(), world.client()];
  producer.send(frames.produce(0, batchOfSize(500), 1));
  world.until(() => world.appends === 1, "it is appended");
  world.endSyncs();
  assert.equal(producer.receive(1).length, 1);
  for (let i = 0; i < 4; i += 1) producer.send(frames.produce(0, batchOfSize(1000, i), i));
  world.until(() => world.node.broker.holdsProducers, "the budget is used up");
  assert.equal(other.ask(frames.fetch(0, 0, {}, 5)).body.length, 16 + 500);
  assert.equal(other.ask(frames.request("ping", {}, 6)).correlation, 6);
  other.send(frames.request("open_partition", { topic: "o", partition: 0 }, 7));
  other.receive(1);
  assert.equal(other.ask(frames.produce(1, batchOfSize(5000), 8)).correlation, 8);
  assert.equal(world.node.broker.holdsProducers, true);
  while (world.unsynced > 0) world.endSyncs();
  world.end();
});

test("level interval does not wait for its time: the hold would outlast it", () => {
  const world = new BudgetWorld("interval");
  const producer = world.client();
  world.fill(producer);
  world.until(() => world.aio.inFlight.length > 0, "its sync begins");
  world.endSyncs();
  assert.equal(world.unsynced, 0);
  assert.equal(world.node.broker.holdsProducers, false);
  world.end();
});

test("a held client that goes away is closed, and a stop answers the others", () => {
  const world = new BudgetWorld("fsync");
  const [producer, second] = [world.client(), world.client()];
  const control = world.connect(true);
  control.send(frames.hello());
  control.receive(1);
  world.fill(producer);
  second.send(concat([frames.produce(0, batchOfSize(1000), 7), frames.request("ping", {}, 8)]));
  world.turns(3);
  assert.equal(world.appends, 4);
  const open = world.node.openConnections;
  second.close();
  control.send(frames.control("stop", {}, 9));
  world.turns(3);
  while (world.unsynced > 0) world.endSyncs();
  world.until(() => !world.node.running, "it stops");
  assert.ok(world.node.openConnections < open);
  world.end();
  assert.deepEqual(producer.take().map(({ correlation }) => correlation), [0, 1, 2, 3]);
  assert.deepEqual(control.take().map(({ correlation }) => correlation), [9]);
});
