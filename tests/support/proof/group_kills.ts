/**
 * A consumer of a group that is killed again and again, and its broker too, while records come in.
 *
 *     producer --> broker (killed, started) --> group_reader.ts (killed, started): file, commits
 *
 * Held after each kill and at the end: the group has committed no more than was processed, and
 * nothing was skipped: what the file holds of a partition has no hole.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Client, type Producer } from "../../../src/client/mod.ts";
import { type Broker, startBroker } from "../broker.ts";
import { BROKER_RUNTIME } from "../pair.ts";
import { Prng } from "../prng.ts";
import { argumentsFor, DENO_BROKER_PERMISSIONS, ROOT, runtimePath } from "../runtimes.ts";
import { temporaryDirectory } from "../temporary.ts";
import { pause, until } from "../until.ts";
import { ChaosProxy } from "./chaos_proxy.ts";

const TOPIC = "work";
const GROUP = "workers";
const PARTITIONS = 3;
const RECORDS_PER_ROUND = 300;
/** A little less than the lines of the file have. */
const LINE_BYTES = 12;
/** Between the start of the broker and the kill of the consumer. */
const WAIT_MS_MAX = 500;
const READER = join(ROOT, "tests/support/proof/group_reader.ts");
const FINISH_MS = 120_000;

export interface GroupKills {
  readonly consumerKills: number;
  /** The broker is killed with every so manieth of them. */
  readonly brokerEvery: number;
  readonly seed: number;
}

export interface GroupKillsFigures {
  /** What happened, in words. */
  readonly text: string;
  /** Records that were processed again, because a kill came before their commit. */
  readonly repeated: number;
}

/** Runs it to its end. Fails also where the kills have cut nobody off: then nothing is proved. */
export async function proveGroupKills(wanted: GroupKills): Promise<GroupKillsFigures> {
  const proof = await Proof.start(wanted.seed);
  let brokerKills = 0;
  for (let kill = 1; kill <= wanted.consumerKills; kill += 1) {
    const takesBroker = kill % wanted.brokerEvery === 0;
    if (takesBroker) brokerKills += 1;
    await proof.round(takesBroker, kill % 2 === 0 ? "auto" : "manual");
  }
  const { records, read, connections } = await proof.finish();
  const text = `${wanted.consumerKills} kills of the consumer, ${brokerKills} of the broker: ` +
    `${records} records, each read once or more, ${read} in all, ${connections} connections`;
  // Each reader came, the last one too, and the writer again after each kill of the broker.
  assert.ok(connections > wanted.consumerKills + 1 + brokerKills, text);
  return { text, repeated: read - records };
}

class Proof {
  readonly #proxy: ChaosProxy;
  readonly #data: string;
  readonly #file: string;
  readonly #prng: Prng;
  #broker: Broker;
  #client!: Client;
  #producer!: Producer;
  #sent = 0;

  private constructor(proxy: ChaosProxy, broker: Broker, data: string, seed: number) {
    this.#proxy = proxy;
    this.#broker = broker;
    this.#data = data;
    this.#file = join(temporaryDirectory("read"), "processed");
    this.#prng = new Prng(seed);
  }

  static async start(seed: number): Promise<Proof> {
    const data = join(temporaryDirectory("group-kills"), "d");
    const proxy = await ChaosProxy.start(seed);
    proxy.isCalm = true; // it is there for its address: the broker's port is another each time
    const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
    proxy.pointTo(broker.port);
    const proof = new Proof(proxy, broker, data, seed);
    const brokers = [`127.0.0.1:${proxy.port}`];
    proof.#client = await Client.connect({ brokers, clientName: "writer" });
    await proof.#client.admin.createTopic(TOPIC, { partitions: PARTITIONS });
    proof.#producer = await proof.#client.producer({ lingerMs: 0 });
    return proof;
  }

  async round(takesBroker: boolean, commit: string): Promise<void> {
    const reader = this.#read(commit);
    for (let i = 0; i < RECORDS_PER_ROUND; i += 1) {
      const value = `record ${this.#sent}`;
      this.#sent += 1;
      await this.#producer.post({ topic: TOPIC, key: `${this.#sent % 31}`, value });
    }
    // In the middle of what it reads: it has begun, and is perhaps not at the end.
    const enough = this.#bytes() + this.#prng.below(RECORDS_PER_ROUND) * LINE_BYTES;
    await until("the reader reads", () => this.#bytes() > enough, FINISH_MS);
    if (takesBroker) await this.#killBroker();
    if (takesBroker && this.#prng.chance(50)) await pause(this.#prng.below(WAIT_MS_MAX));
    await reader.kill();
    await this.#checkCommitted();
  }

  /** Reads on to the end, undisturbed. */
  async finish(): Promise<{ records: number; read: number; connections: number }> {
    await this.#producer.flush();
    const reader = this.#read("manual");
    const all = await until("every record is read", () => {
      const values = new Set(this.#processed().map(([, , value]) => value));
      return values.size === this.#sent;
    }, FINISH_MS);
    assert.ok(all);
    await reader.kill();
    await this.#checkCommitted();
    const read = this.#processed().length;
    const committed = await this.#client.admin.groupOffsets(GROUP);
    assert.equal(committed.length, PARTITIONS, "every partition was committed");
    await this.#client.close();
    await this.#proxy.close();
    const { code } = await this.#broker.stop();
    assert.equal(code, 0, this.#broker.stderr());
    return { records: this.#sent, read, connections: this.#proxy.counts.connections };
  }

  async #killBroker(): Promise<void> {
    assert.equal((await this.#broker.kill()).signal, "SIGKILL", this.#broker.stderr());
    this.#broker = await startBroker({ runtime: BROKER_RUNTIME, data: this.#data });
    this.#proxy.pointTo(this.#broker.port);
  }

  #read(commit: string): { kill(): Promise<void> } {
    const args = [String(this.#proxy.port), TOPIC, GROUP, this.#file, commit];
    const before = argumentsFor(BROKER_RUNTIME, DENO_BROKER_PERMISSIONS);
    const child = spawn(runtimePath(BROKER_RUNTIME), [...before, READER, ...args], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = new Promise<string | null>((resolve) => {
      child.once("close", (_, signal) => resolve(signal));
    });
    return {
      kill: async () => {
        assert.equal(child.exitCode, null, "the reader does not end by itself");
        process.kill(child.pid!, "SIGKILL"); // Deno misreports child.kill
        assert.equal(await ended, "SIGKILL", "it was at work");
      },
    };
  }

  #bytes(): number {
    return existsSync(this.#file) ? statSync(this.#file).size : 0;
  }

  /** What is in the file, by line. A kill may have cut the last one. */
  #processed(): [partition: number, offset: number, value: string][] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, "utf8").split("\n");
    return lines.flatMap((line) => {
      const found = /^(\d+) (\d+) (record \d+)$/.exec(line);
      return found === null ? [] : [[Number(found[1]), Number(found[2]), found[3]!] as const];
    }).map(([partition, offset, value]) => [partition, offset, value]);
  }

  async #checkCommitted(): Promise<void> {
    const offsets = new Map<number, Set<number>>();
    for (const [partition, offset] of this.#processed()) {
      if (!offsets.has(partition)) offsets.set(partition, new Set());
      offsets.get(partition)!.add(offset);
    }
    for (const [partition, seen] of offsets) {
      for (let offset = 0; offset < seen.size; offset += 1) {
        assert.ok(seen.has(offset), `${offset} of partition ${partition} was skipped`);
      }
    }
    for (const { partition, offset } of await this.#client.admin.groupOffsets(GROUP)) {
      const seen = offsets.get(partition)?.size ?? 0;
      assert.ok(offset <= seen, `partition ${partition}: ${offset} committed, ${seen} processed`);
    }
  }
}
