/** Contract of memory and vectors: what is in range, and that everything else throws. */
import assert from "node:assert/strict";
import type { Memory } from "../../ffi/libc.ts";
import { type Contract, text, type World } from "./libc_world.ts";

export function memoryContract(contract: Contract): void {
  contract("memory is zeroed, and its three views show the same bytes", views);
  contract("adopted bytes are memory where they lie, and nothing around them", adopts);
  contract("a range outside its memory throws, whatever the call", rangesThrow);
  contract("a number that is no integer throws before C sees it", numbersThrow);
  contract("a position outside 0 to 2^53 - 1 throws", positionsThrow);
  contract("memory that was detached throws", detachedThrows);
  contract("memory from elsewhere throws", foreignThrows);
  contract("the edges of a range are in range", edges);
  contract("a vector counts entries and bytes", vectorCounts);
  contract("a vector refuses what does not fit", vectorRefuses);
  contract("consume drops whole entries and cuts the first one left", vectorConsumes);
}

function views({ libc }: World): void {
  const memory = libc.allocate(11);
  assert.equal(memory.size, 11);
  assert.deepEqual([...memory.bytes], new Array(11).fill(0));
  assert.equal(memory.words.length, 2);
  memory.view.setUint32(4, 0x01020304, true);
  assert.equal(memory.words[1], 0x01020304);
  assert.equal(memory.bytes[4], 4);
  assert.throws(() => libc.allocate(0));
  assert.throws(() => libc.allocate(-1));
  assert.throws(() => libc.allocate(1.5));
}

function adopts(world: World): void {
  const { libc } = world;
  const buffer = new ArrayBuffer(64);
  const memory = libc.adopt(new Uint8Array(buffer, 16, 13));
  assert.deepEqual([memory.size, memory.offset, memory.words.length], [13, 16, 3]);
  assert.equal(libc.allocate(13).offset, 0);
  const fd = world.file("f");
  world.is(libc.pwrite(fd, world.memory("0123456789abcdef"), 0, 16, 0), 16);
  world.is(libc.pread(fd, memory, 1, 12, 0), 12);
  assert.equal(text(memory, 1, 12), "0123456789ab");
  assert.equal(memory.view.getUint8(12), memory.bytes[12]);
  assert.equal(memory.words[1], memory.view.getInt32(4, true));
  const around = new Uint8Array(buffer);
  assert.ok(around.subarray(0, 17).every((byte) => byte === 0), "nothing before it");
  assert.ok(around.subarray(29).every((byte) => byte === 0), "nothing behind it");
  assert.throws(() => libc.pread(fd, memory, 1, 13, 0));
  assert.throws(() => libc.adopt(new Uint8Array(buffer, 8, 0)));
}

const BAD_RANGES: readonly (readonly [start: number, size: number])[] = [
  [0, 17],
  [16, 1],
  [1, 16],
  [-1, 4],
  [0, -1],
  [2 ** 31, 0],
  [0, 2 ** 31],
  [2 ** 32, 0],
  [0.5, 4],
  [0, 0.5],
  [NaN, 4],
  [0, NaN],
  [Infinity, 1],
];

function rangesThrow(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const memory = libc.allocate(16);
  const vector = libc.ioVector(4);
  for (const [start, size] of BAD_RANGES) {
    assert.throws(() => libc.read(fd, memory, start, size));
    assert.throws(() => libc.write(fd, memory, start, size));
    assert.throws(() => libc.pread(fd, memory, start, size, 0));
    assert.throws(() => libc.pwrite(fd, memory, start, size, 0));
    assert.throws(() => libc.recv(fd, memory, start, size, 0));
    assert.throws(() => libc.send(fd, memory, start, size, 0));
    assert.throws(() => libc.getrandom(memory, start, size));
    assert.throws(() => vector.push(memory, start, size));
  }
  assert.equal(vector.count, 0);
  world.is(libc.lseek(fd, 0, 2), 0);
}

function numbersThrow(world: World): void {
  const { libc } = world;
  const memory = libc.allocate(16);
  for (const fd of [NaN, 0.5, 2 ** 32, -(2 ** 32)]) {
    assert.throws(() => libc.close(fd));
    assert.throws(() => libc.read(fd, memory, 0, 1));
    assert.throws(() => libc.recv(fd, memory, 0, 1, 0));
    assert.throws(() => libc.fdatasync(fd));
    assert.throws(() => libc.sendfile(fd, 1, 0, 1));
  }
}

function positionsThrow(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const memory = libc.allocate(16);
  const vector = libc.ioVector(1);
  vector.push(memory, 0, 16);
  for (const position of [-1, 0.5, NaN, 2 ** 53]) {
    assert.throws(() => libc.pread(fd, memory, 0, 1, position));
    assert.throws(() => libc.pwrite(fd, memory, 0, 1, position));
    assert.throws(() => libc.pwritev(fd, vector, position));
    assert.throws(() => libc.preadv2(fd, vector, position, 0));
    assert.throws(() => libc.ftruncate(fd, position));
    assert.throws(() => libc.sendfile(fd, fd, position, 1));
  }
  assert.throws(() => libc.sendfile(fd, fd, 0, 2 ** 31));
  world.is(libc.lseek(fd, 0, 2), 0);
}

function detachedThrows(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const memory = libc.allocate(16);
  const vector = libc.ioVector(1);
  vector.push(memory, 0, 16);
  structuredClone(memory.bytes.buffer, { transfer: [memory.bytes.buffer as ArrayBuffer] });
  assert.throws(() => libc.pwrite(fd, memory, 0, 16, 0));
  assert.throws(() => libc.recv(fd, memory, 0, 16, 0));
  assert.throws(() => libc.pwritev(fd, vector, 0));
  assert.throws(() => libc.sendmsg(fd, vector, 0));
}

function foreignThrows(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const bytes = new Uint8Array(16);
  const memory: Memory = {
    size: 16,
    offset: 0,
    bytes,
    words: new Int32Array(bytes.buffer),
    view: new DataView(bytes.buffer),
  };
  assert.throws(() => libc.pwrite(fd, memory, 0, 16, 0));
  assert.throws(() => libc.ioVector(1).push(memory, 0, 16));
}

function edges(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const memory = world.memory("0123456789abcdef");
  world.is(libc.pwrite(fd, memory, 0, 16, 0), 16);
  world.is(libc.pwrite(fd, memory, 16, 0, 0), 0);
  world.is(libc.pwrite(fd, memory, 15, 1, 16), 1);
  assert.equal(world.get(fd, 32), "0123456789abcdeff");
  // What lies around the range stays as it was.
  const into = world.memory("................");
  world.is(libc.pread(fd, into, 5, 6, 0), 6);
  assert.equal(text(into, 0, 16), ".....012345.....");
}

function vectorCounts({ libc }: World): void {
  const memory = libc.allocate(100);
  const vector = libc.ioVector(3);
  assert.deepEqual([vector.capacity, vector.count, vector.size], [3, 0, 0]);
  vector.push(memory, 0, 60);
  vector.push(memory, 40, 60);
  assert.deepEqual([vector.count, vector.size], [2, 120]);
  vector.clear();
  assert.deepEqual([vector.count, vector.size], [0, 0]);
}

function vectorRefuses({ libc }: World): void {
  const memory = libc.allocate(100);
  assert.throws(() => libc.ioVector(0));
  assert.throws(() => libc.ioVector(1025));
  assert.equal(libc.ioVector(1024).capacity, 1024);
  const vector = libc.ioVector(1);
  vector.push(memory, 0, 10);
  assert.throws(() => vector.push(memory, 0, 10));
  assert.throws(() => vector.consume(11));
  assert.throws(() => vector.consume(-1));
  assert.deepEqual([vector.count, vector.size], [1, 10]);
}

function vectorConsumes(world: World): void {
  const { libc } = world;
  const whole = "abcdefghij";
  const memory = world.memory(whole);
  for (let first = 0; first <= whole.length; first++) {
    for (let second = 0; first + second <= whole.length; second++) {
      const vector = libc.ioVector(8);
      // 3, 0, 4, 1 and 2 bytes: also an empty entry in the middle.
      [[0, 3], [3, 0], [3, 4], [7, 1], [8, 2]].forEach(([at, n]) => vector.push(memory, at!, n!));
      vector.consume(first);
      vector.consume(second);
      const left = whole.slice(first + second);
      assert.equal(vector.size, left.length);
      const fd = world.file("f");
      world.is(libc.ftruncate(fd, 0), 0);
      if (left.length > 0) world.is(libc.pwritev(fd, vector, 0), left.length);
      assert.equal(world.get(fd, 100), left);
      if (left.length === 0) assert.equal(vector.count, 0);
      world.close(fd);
    }
  }
}
