/** What the assembler gives is taken by the engine and does what it says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  add,
  and,
  andVector,
  call,
  type Code,
  get,
  give,
  isAbove,
  isBelow,
  load,
  loadVector,
  lookUp,
  loopWhile,
  number,
  repeatWhile,
  set,
  shiftLanes,
  shiftLeft,
  shiftRight,
  storeVector,
  subtract,
  WasmFunction,
  wasmModule,
  when,
  xor,
  xorVector,
  zeroVector,
} from "../../../src/base/wasm.ts";

type Exported = Record<string, (...values: number[]) => number>;

function instance(...functions: WasmFunction[]): { exported: Exported; memory: ArrayBuffer } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const code = new WebAssembly.Module(wasmModule(functions, 1));
  const { exports } = new WebAssembly.Instance(code, { host: { memory } });
  return { exported: exports as Exported, memory: memory.buffer as ArrayBuffer };
}

/** The value that `value` has in a function of two parameters. */
function result(value: Code, left = 0, right = 0): number {
  const fn = new WasmFunction("f", 2);
  fn.add(value);
  return instance(fn).exported["f"]!(left, right);
}

test("numbers of every length", () => {
  for (let bits = 0; bits < 32; bits += 1) {
    for (const near of [-1, 0, 1]) {
      const value = ((1 << bits) + near) | 0;
      assert.equal(result(number(value)), value);
      assert.equal(result(number(-value)), -value | 0);
    }
  }
});

test("values of 32 bits", () => {
  const [left, right] = [get(0), get(1)];
  assert.equal(result(add(left, right), 0x7fffffff, 1), -0x80000000);
  assert.equal(result(subtract(left, right), 3, 5), -2);
  assert.equal(result(and(left, right), 0b1100, 0b1010), 0b1000);
  assert.equal(result(xor(left, right), 0b1100, 0b1010), 0b0110);
  assert.equal(result(shiftLeft(left, 31), 3), -0x80000000);
  assert.equal(result(shiftRight(left, 31), -1), 1);
  for (const [a, b] of [[1, 2], [2, 1], [2, 2], [-1, 1], [1, -1]] as const) {
    assert.equal(result(isBelow(left, right), a, b), Number(a >>> 0 < b >>> 0));
    assert.equal(result(isAbove(left, right), a, b), Number(a >>> 0 > b >>> 0));
  }
});

test("vectors: loaded, combined, looked up and stored at a distance", () => {
  const fn = new WasmFunction("f", 1);
  const one = fn.vector();
  const two = fn.vector();
  fn.add(
    set(one, loadVector(get(0))),
    set(two, loadVector(get(0), 16)),
    storeVector(get(0), andVector(get(one), get(two)), 256),
    storeVector(get(0), xorVector(get(one), get(two)), 272),
    storeVector(get(0), shiftLanes(get(one), 4), 288),
    storeVector(get(0), lookUp(get(one), get(two)), 304),
    storeVector(get(0), zeroVector, 320),
    load(get(0), 257),
  );
  const { exported, memory } = instance(fn);
  const bytes = new Uint8Array(memory, 5, 512).fill(0xee);
  for (let i = 0; i < 16; i += 1) {
    bytes[i] = 37 * i + 11;
    bytes[16 + i] = (7 * i + 3) % 16;
  }
  const loaded = exported["f"]!(5);
  const view = new DataView(memory, 5);
  assert.equal(loaded, view.getInt32(257, true));
  for (let i = 0; i < 16; i += 1) {
    const [a, b] = [bytes[i]!, bytes[16 + i]!];
    assert.equal(bytes[256 + i], a & b);
    assert.equal(bytes[272 + i], a ^ b);
    assert.equal(bytes[304 + i], bytes[b]);
    assert.equal(bytes[320 + i], 0);
  }
  for (let i = 0; i < 16; i += 2) {
    assert.equal(view.getUint16(288 + i, true), view.getUint16(i, true) >>> 4);
  }
});

test("conditions, loops, calls and the way out", () => {
  const count = new WasmFunction("count", 2); // to the first limit, then to the second
  const turns = count.i32();
  const step = set(turns, add(get(turns), number(1)));
  count.add(
    when(isAbove(get(0), number(1000)), give(number(-1))),
    loopWhile(isBelow(get(turns), get(0)), step),
    when(isBelow(get(1), number(1)), give(get(turns))),
    repeatWhile(isBelow(get(turns), get(1)), step),
    get(turns),
  );
  const outer = new WasmFunction("outer", 2);
  outer.add(subtract(call(0, get(0), get(1)), number(1)));
  const { exported } = instance(count, outer);
  const [run, outside] = [exported["count"]!, exported["outer"]!];
  assert.equal(run(300, 0), 300);
  assert.equal(run(300, 400), 400);
  assert.equal(run(0, 0), 0, "loopWhile: not at all");
  assert.equal(run(7, 1), 8, "repeatWhile: once");
  assert.equal(run(1001, 0), -1, "the rest is left out");
  assert.equal(outside(300, 400), 399);
});

test("a value that is missing is refused by the engine", () => {
  const fn = new WasmFunction("f", 0);
  fn.add(storeVector(number(0), []), number(0));
  assert.throws(() => instance(fn), WebAssembly.CompileError);
});
