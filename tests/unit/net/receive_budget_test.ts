/** Large frames under a budget: who may grow, who waits, and that one of them always gets on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Memory } from "../../../ffi/libc.ts";
import { libc } from "#ffi";
import { BlockPool } from "../../../src/base/pool.ts";
import { BLOCK_SIZE_MIN, RECEIVE_SIZE } from "../../../src/limits.ts";
import { Connection } from "../../../src/net/connection.ts";
import { ReceiveBudget } from "../../../src/net/receive_budget.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { forSeeds } from "../../support/prng.ts";

const MIB = 1048576;

class World {
  readonly pool: BlockPool<Memory>;
  readonly budget: ReceiveBudget;
  readonly #faulty: FaultyLibc = new FaultyLibc(libc);
  #slot = 8;

  constructor(budgetBytes: number) {
    this.pool = new BlockPool((size) => libc.allocate(size), BLOCK_SIZE_MIN, 32 * MIB, 32 * MIB);
    this.budget = new ReceiveBudget(this.pool, budgetBytes);
    // A peer that has always more to send.
    this.#faulty.plan = (call, args) => call === "recv" ? args[3] as number : undefined;
  }

  /** A connection whose fresh block is full with the beginning of a frame. */
  connection(frameSize: number): Connection {
    const connection = new Connection(this.#slot, this.pool, this.pool);
    this.#slot += 1;
    connection.open(3, 0, 0);
    this.#receive(connection, frameSize);
    return connection;
  }

  /** Fills the block it has, or asks for a larger one and waits when it must. */
  step(connection: Connection): void {
    const { incoming } = connection;
    if (connection.waitsForRoom) return;
    const wanted = incoming.wantedSize;
    if (wanted > 0) {
      if (!this.budget.admits(connection, wanted)) return this.budget.wait(connection);
      incoming.grow(wanted);
    }
    this.#receive(connection, incoming.frameSize);
  }

  /** The end of a turn: those that waited and may go on get their block. */
  admit(): Connection[] {
    const admitted: Connection[] = [];
    for (;;) {
      const connection = this.budget.next();
      if (connection === null) return admitted;
      connection.incoming.grow(connection.incoming.wantedSize);
      admitted.push(connection);
    }
  }

  #receive({ incoming }: Connection, frameSize: number): void {
    incoming.receive(this.#faulty.libc, 3);
    incoming.frameSize = frameSize;
    if (incoming.received >= frameSize) incoming.release();
  }
}

test("below the budget everybody grows, above it the first alone, and small blocks always", () => {
  const world = new World(5 * MIB);
  const [first, second, third] = [1, 2, 3].map(() => world.connection(8 * MIB));
  world.step(first!);
  world.step(second!);
  assert.equal(world.pool.lentBytes, 4 * MIB + RECEIVE_SIZE, "2 MiB each");
  world.step(third!);
  assert.equal(world.budget.waits, 0, "nobody else passes it, so it may");
  assert.equal(world.pool.lentBytes, 6 * MIB);
  const fourth = world.connection(8 * MIB);
  world.step(fourth);
  assert.deepEqual([world.budget.waits, fourth.waitsForRoom], [1, true]);
  assert.equal(world.budget.admits(fourth, RECEIVE_SIZE), true, "a small block is anybody's");
  assert.deepEqual(world.admit(), []);
  first!.incoming.release();
  assert.deepEqual(world.admit(), []);
  second!.incoming.release();
  assert.equal(world.admit()[0], fourth, "there is room again");
});

test("the permit passes on in the order of waiting, and one that is gone waits no longer", () => {
  const world = new World(MIB);
  const [holder, a, b, c] = [1, 2, 3, 4].map(() => world.connection(8 * MIB));
  world.step(holder!);
  for (const connection of [a!, b!, c!]) world.step(connection);
  assert.equal(world.budget.waiting, 3);
  assert.deepEqual(world.admit(), []);
  world.budget.forget(a!);
  a!.free();
  holder!.free();
  assert.equal(world.admit()[0], b);
  assert.deepEqual(world.admit(), [], "one at a time");
  b!.incoming.release(); // its frame is done
  assert.equal(world.admit()[0], c);
  assert.equal(world.budget.waiting, 0);
});

test("what fits the budget need not wait behind what does not", () => {
  const world = new World(6 * MIB);
  const [first, holder, large] = [1, 2, 3].map(() => world.connection(30 * MIB));
  const usual = world.connection(900000);
  for (const connection of [first!, holder!]) {
    assert.equal(world.budget.admits(connection, 4 * MIB), true);
    connection.incoming.grow(4 * MIB);
  }
  for (const connection of [large!, usual]) world.step(connection);
  assert.equal(world.budget.waiting, 2);
  first!.incoming.release();
  assert.equal(world.admit()[0], usual);
  assert.deepEqual([usual.waitsForRoom, large!.waitsForRoom], [false, true]);
});

test("whatever comes and goes, frames are finished and the memory stays within bounds", () => {
  forSeeds(10, (prng) => {
    const budgetBytes = prng.pick([1, 4, 9]) * MIB;
    const world = new World(budgetBytes);
    const sizes = [200000, MIB, 3 * MIB, 20 * MIB];
    const open = new Set<Connection>();
    let finished = 0;
    for (let i = 0; i < 12; i += 1) open.add(world.connection(prng.pick(sizes)));
    for (let step = 0; open.size > 0; step += 1) {
      assert.ok(step < 5000, `${open.size} frames never end`);
      for (const connection of open) {
        if (connection.incoming.block === null) {
          finished += 1;
          open.delete(connection);
        } else if (prng.chance(1)) {
          world.budget.forget(connection);
          connection.free();
          open.delete(connection);
        } else if (prng.chance(60)) {
          world.step(connection);
        }
      }
      world.admit();
      const bound = budgetBytes + 32 * MIB + 12 * RECEIVE_SIZE;
      assert.ok(world.pool.lentBytes <= bound, `${world.pool.lentBytes} bytes are lent`);
    }
    assert.ok(finished > 0);
    assert.deepEqual([world.pool.lentBytes, world.budget.waiting], [0, 0]);
  });
});
