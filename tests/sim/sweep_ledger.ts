/**
 * What the error sweep has sent and was promised, and whether a log still holds it.
 *
 * Invariant: an offset of a topic never shows two batches, whatever failed in between.
 */
import assert from "node:assert/strict";
import { emptySlice } from "../../src/base/file_slice.ts";
import { Level } from "../../src/format/levels.ts";
import { At, sameBatch } from "./attempt_bytes.ts";
import { FaultyLibc } from "./faulty_libc.ts";
import type { Life } from "./life.ts";
import type { SimLibc } from "./sim_libc.ts";

export interface Sent {
  readonly topic: string;
  readonly bytes: Uint8Array;
  /** Process in which it was sent. */
  readonly life: Life;
  answers: number;
  error: number;
  base: number;
  level: number;
}

export class SweepLedger {
  readonly sent: Sent[] = [];
  /** Topics that were answered as created and not deleted since. */
  readonly topics: Set<string> = new Set();
  /** By topic: log starts that were acknowledged. */
  readonly logStarts: Map<string, number> = new Map();
  /** Which batch was seen at an offset. */
  readonly #seen: Map<string, number> = new Map();

  forgetTopic(name: string): void {
    this.topics.delete(name);
    this.#forgetSeen((topic) => topic === name);
    for (const sent of this.sent) if (sent.topic === name) sent.base = -1;
  }

  /** At the weaker levels a power cut may take what was acknowledged. */
  forgetWeak(isWeak: (topic: string) => boolean): void {
    for (const sent of this.sent) if (sent.level !== Level.fsync) sent.base = -1;
    this.#forgetSeen(isWeak);
  }

  #forgetSeen(which: (topic: string) => boolean): void {
    for (const key of [...this.#seen.keys()]) {
      if (which(key.slice(0, key.indexOf(" ")))) this.#seen.delete(key);
    }
  }

  /** Every batch is one that was sent, and an offset never shows another one. */
  checkBytes(topic: string, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += view.getInt32(at + At.length) + At.epoch) {
      const base = view.getUint32(at + 4);
      const rest = bytes.subarray(at);
      const sent = this.sent.findIndex((candidate) => {
        return candidate.topic === topic && sameBatch(rest, 0, candidate.bytes);
      });
      assert.ok(sent >= 0, `${topic}: nobody sent what is at ${base}`);
      const known = this.#seen.get(`${topic} ${base}`) ?? sent;
      assert.equal(known, sent, `${topic}: offset ${base} shows another batch`);
      this.#seen.set(`${topic} ${base}`, sent);
    }
  }

  /** What was acknowledged is there, once; the log start is where it was acknowledged. */
  checkTopic(sim: SimLibc, life: Life, topic: string, kind: string): void {
    const partition = life.partition(topic, 0);
    assert.ok(partition !== null, `${topic} was answered as created`);
    const { log } = partition;
    const label = `${topic} after a ${kind}`;
    assert.ok(log.logStart >= (this.logStarts.get(topic) ?? 0), `${label}: log start`);
    const slices: Uint8Array[] = [];
    const slice = emptySlice();
    for (let offset = log.logStart; offset < log.visible.offset;) {
      assert.equal(life.broker.reader.read(log, offset, 1, slice), 0, `${label}: ${offset}`);
      const memory = sim.allocate(slice.size);
      assert.equal(
        sim.pread(slice.file!.fd, memory, 0, slice.size, slice.position),
        slice.size,
      );
      slices.push(memory.bytes);
      this.checkBytes(topic, memory.bytes);
      offset = memory.view.getUint32(4) + memory.view.getInt32(At.lastOffsetDelta) + 1;
    }
    const found = new Map(slices.map((bytes) => [new DataView(bytes.buffer).getUint32(4), bytes]));
    for (const { topic: of, base, bytes } of this.sent) {
      if (of !== topic || base < 0 || base < log.logStart) continue;
      const there = found.get(base);
      assert.ok(there !== undefined, `${label}: acknowledged offset ${base} is lost`);
      assert.ok(sameBatch(there, 0, bytes), `${label}: offset ${base} is another batch`);
      const times = slices.filter((other) => sameBatch(other, 0, bytes)).length;
      assert.equal(times, 1, `${label}: offset ${base} is there ${times} times`);
    }
  }
}

/** The simulator with every call of the port going through the faults. */
export function faultySim(sim: SimLibc, faulty: FaultyLibc): SimLibc {
  const bound = new Map<PropertyKey, unknown>();
  return new Proxy(sim, {
    get: (_, name) => {
      const known = bound.get(name);
      if (known !== undefined) return known;
      const isCall = name in FaultyLibc.prototype && name !== "constructor";
      const target = isCall ? faulty : sim;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target) as unknown;
      bound.set(name, method);
      return method;
    },
  });
}
