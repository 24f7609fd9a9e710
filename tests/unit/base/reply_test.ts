/** What a connection has to send, against a plain list of bytes and slices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ByteBlock, heapBlock } from "../../../src/base/bytes.ts";
import { SharedFile } from "../../../src/base/file_slice.ts";
import { BlockPool } from "../../../src/base/pool.ts";
import { Reply } from "../../../src/base/reply.ts";
import { forSeeds } from "../../support/prng.ts";

/** In the order in which it is to be sent: a byte of memory, or a byte of a file. */
type Unit = number | { file: SharedFile; position: number };

function newPool(): BlockPool<ByteBlock> {
  return new BlockPool(heapBlock, 64, 1048576, 4096);
}

function newFile(closed: SharedFile[]): SharedFile {
  const file: SharedFile = new SharedFile(5, () => closed.push(file));
  return file;
}

class Model {
  readonly pool: BlockPool<ByteBlock> = newPool();
  readonly reply: Reply<ByteBlock> = new Reply(this.pool);
  readonly closed: SharedFile[] = [];
  units: Unit[] = [];
  #next = 0;

  reserve(size: number): void {
    const at = this.reply.reserve(size);
    for (let i = 0; i < size; i += 1) {
      this.#next = (this.#next + 1) & 255;
      this.reply.block!.bytes[at + i] = this.#next;
      this.units.push(this.#next);
    }
  }

  push(file: SharedFile, position: number, size: number): void {
    this.reply.pushSlice({ file, position, size });
    for (let i = 0; i < size; i += 1) this.units.push({ file, position: position + i });
  }

  /** Sends up to `size` bytes, and checks each against the model. */
  send(size: number): void {
    const { reply } = this;
    if (reply.start < reply.memoryEnd) {
      const part = Math.min(size, reply.memoryEnd - reply.start);
      const sent = [...reply.block!.bytes.subarray(reply.start, reply.start + part)];
      assert.deepEqual(sent, this.units.splice(0, part));
      reply.memorySent(part);
    } else if (reply.hasSlice) {
      const part = Math.min(size, reply.sliceSize);
      for (const [i, unit] of this.units.splice(0, part).entries()) {
        assert.ok(typeof unit !== "number", "a byte of a file");
        assert.equal(unit.position, reply.slicePosition + i);
        assert.equal(unit.file.fd, reply.sliceFd);
      }
      reply.sliceSent(part);
    }
    reply.settle();
  }

  fit(): void {
    this.reply.fit();
    const size = this.reply.block?.size ?? 0;
    const { memoryBytes } = this.reply;
    assert.ok(size <= Math.max(64, 4 * memoryBytes), `${size} bytes for ${memoryBytes}`);
    if (memoryBytes === 0) assert.equal(size, 0, "slices alone need no block");
  }

  check(): void {
    const { reply, units } = this;
    assert.equal(reply.isEmpty, units.length === 0);
    assert.equal(reply.pendingBytes, units.length);
    const slices = units.filter((unit) => typeof unit !== "number").length;
    assert.equal(reply.sliceBytes, slices);
    assert.equal(reply.hasSlice, slices > 0);
    assert.equal(reply.memoryBytes, units.length - slices);
    assert.equal(reply.sliceCount > 0, slices > 0);
    if (units.length === 0) assert.equal(reply.block, null, "an empty reply holds no block");
    assert.equal(this.pool.lentBytes, reply.block?.size ?? 0);
  }
}

test("random fillings and sendings: every byte once, in its order", () => {
  forSeeds(150, (prng) => {
    const model = new Model();
    const files = [newFile(model.closed), newFile(model.closed)];
    for (let step = 0; step < 150; step += 1) {
      const what = prng.below(100);
      if (what < 35) model.reserve(prng.pick([1, 5, 30, 100, 700]));
      else if (what < 55) model.push(prng.pick(files), prng.below(1000), prng.between(1, 50));
      else if (what < 92) model.send(prng.pick([1, 10, 60, 1000]));
      else if (what < 98) model.fit();
      else {
        model.reply.clear();
        model.units = [];
      }
      model.check();
    }
    while (model.units.length > 0) model.send(1000);
    model.check();
    assert.deepEqual(model.closed, []);
    for (const file of files) assert.equal(file.references, 1, "every slice has let go once");
  });
});

test("clearing lets go of every file and gives the block back", () => {
  const model = new Model();
  const file = newFile(model.closed);
  model.reserve(10);
  for (let i = 0; i < 5; i += 1) model.push(file, i, 10);
  file.release();
  assert.equal(file.references, 5);
  model.send(10);
  model.send(7); // half of the first slice
  model.reply.clear();
  assert.deepEqual(model.closed, [file]);
  assert.equal(model.reply.isEmpty, true);
  assert.equal(model.pool.lentBytes, 0);
  model.reply.clear();
});

test("reserved bytes can be taken back, sent ones and others not", () => {
  const model = new Model();
  model.reserve(10);
  const at = model.reply.reserve(20);
  model.reply.rewind(at);
  model.check();
  assert.throws(() => model.reply.rewind(at + 1));
  model.send(4);
  assert.throws(() => model.reply.rewind(3));
});

test("more than was offered is not sent", () => {
  const model = new Model();
  model.reserve(10);
  model.push(newFile(model.closed), 0, 5);
  model.reserve(10);
  assert.throws(() => model.reply.memorySent(11));
  const other = new Model();
  other.push(newFile(other.closed), 0, 5);
  assert.throws(() => other.reply.sliceSent(6));
  assert.throws(() => other.reply.pushSlice({ file: null, position: 0, size: 1 }));
  assert.throws(() => other.push(newFile(other.closed), 0, 0));
});

test("the largest block is enough for what it can hold, whatever came before it", () => {
  const model = new Model();
  model.reserve(100);
  model.reserve(1048576 - 200); // twice as much, to have room for more, is no block
  model.reserve(100);
  model.check();
  assert.equal(model.reply.block!.size, 1048576);
  assert.throws(() => model.reply.reserve(1), /no block is that large/);
});
