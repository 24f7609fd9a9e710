/**
 * A soak: hours of mixed load on one real broker, restarted cleanly now and then, judged all the
 * time (`ledger.ts`), measured every ten seconds (`samples.ts`).
 *
 *     start or resume -> load … clean restart … load -> drain -> everything read -> stop -> verify
 *
 *     dist/soak/<runtime>/   state.json   samples.jsonl   data/   verdict.txt   <runtime>.svg
 *
 * Invariant: state and samples on disk are never more than one sample behind, so that a soak that
 * was killed goes on where it was, on the data it had.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { BrokerError } from "../../src/client/errors.ts";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { Prng } from "../support/prng.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import { pause, until } from "../support/until.ts";
import { churn, deleteRecords, type Disturbed, pollStats, visit } from "./disturbers.ts";
import { newMeasured } from "./latencies.ts";
import { Ledger } from "./ledger.ts";
import type { Situation } from "./line.ts";
import { EVERY_MS, TOPICS } from "./plan.ts";
import { SoakProducer } from "./producer.ts";
import { type CatchUps, type Place, readAgain, readTail } from "./readers.ts";
import { readSamples, type Sample, Sampler } from "./samples.ts";

export interface SoakOptions {
  readonly runtime: RuntimeName;
  /** Where state, samples and data lie; made when it is not there. */
  readonly directory: string;
  readonly seconds: number;
  /** Between two clean restarts. */
  readonly restartSeconds: number;
  readonly restartsMax?: number;
  readonly tell: (line: string) => void;
  /** True when the soak shall stop where it is, to be resumed. */
  readonly interrupted: () => boolean;
}

interface State {
  runtime: RuntimeName;
  seconds: number;
  /** Soaked so far. */
  done: number;
  /** How often a process worked on it. */
  lives: number;
  starts: number;
  brokerPid: number;
}

export interface SoakResult {
  readonly samples: readonly Sample[];
  /** Everything that was found wrong, in words; empty when all was well. */
  readonly findings: readonly string[];
  /** In words what was done. */
  readonly report: string;
  /** False when it was interrupted: it can be resumed. */
  readonly finished: boolean;
}

/** What a drained broker may still lend: a block of whoever asks for the counters. */
const LENT_IDLE_BYTES = 1048576;
/** Who asks, and the main thread. */
const CONNECTIONS_IDLE = 2;
const SECOND_MS = 1000;
/** Every disturbance comes more often than that (`EVERY_MS`). */
const DISTURBED_WITHIN_MS = 60 * SECOND_MS;

export async function soak(options: SoakOptions): Promise<SoakResult> {
  return await new Soak(options).run();
}

class Soak {
  readonly #options: SoakOptions;
  readonly #state: State;
  readonly #situation: Situation;
  readonly #places: Place[] = [];
  readonly #measured = newMeasured();
  readonly #stats: Map<string, number> = new Map();
  readonly #disturbed: Disturbed = { topics: 0, visits: 0, deletions: 0 };
  readonly #catchUps: CatchUps = { count: 0, bytes: 0 };
  readonly #sampler: Sampler;
  readonly #prng: Prng;
  readonly #findings: string[] = [];
  #broker: Broker | null = null;
  #brokerStartMs = 0;
  readonly #beganMs = performance.now();

  constructor(options: SoakOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true });
    this.#state = loadState(options);
    this.#situation = {
      ...{ port: 0, ending: false, ended: false, stops: 0, errors: [] },
      life: this.#state.lives,
    };
    this.#state.lives += 1;
    this.#prng = new Prng(this.#state.lives);
    this.#sampler = new Sampler(this.#path("samples.jsonl"));
  }

  async run(): Promise<SoakResult> {
    endOrphan(this.#state.brokerPid, this.#path("data"));
    const { tell, seconds } = this.#options;
    const { lives, done } = this.#state;
    tell(
      lives > 1 ? `goes on at ${words(done)} of ${words(seconds)}` : `begins: ${words(seconds)}`,
    );
    try {
      await this.#startBroker();
      await this.#makeTopics();
      const producers = this.#startLoad();
      const finished = await this.#pace();
      if (!finished) return this.#result(false);
      await this.#drain(producers);
      return this.#result(true);
    } finally {
      this.#situation.ending = true;
      this.#situation.ended = true;
      await this.#broker?.stop();
      this.#saveState(0);
    }
  }

  /** Samples, restarts and tells, until the time is over (true) or somebody interrupts. */
  async #pace(): Promise<boolean> {
    const { seconds, restartSeconds, interrupted, tell } = this.#options;
    const restartsMax = this.#options.restartsMax ?? Infinity;
    const before = this.#state.done;
    const startMs = performance.now();
    let nextSampleMs = startMs + EVERY_MS.sample;
    let nextTellMs = startMs;
    while (this.#state.done < seconds && this.#wrong().length === 0) {
      await pause(200);
      if (interrupted()) return false;
      const nowMs = performance.now();
      if (nowMs < nextSampleMs) continue;
      nextSampleMs += EVERY_MS.sample;
      this.#state.done = before + (nowMs - startMs) / SECOND_MS;
      const sample = await this.#sample();
      this.#saveState(this.#broker!.pid);
      if (nowMs >= nextTellMs && sample !== null) {
        tell(progressText(sample, seconds));
        nextTellMs += EVERY_MS.progress;
      }
      const isTime = nowMs - this.#brokerStartMs >= restartSeconds * SECOND_MS;
      const mayBe = this.#situation.stops < restartsMax;
      // The last start is not cut short.
      const isWorth = seconds - this.#state.done > restartSeconds / 4;
      if (isTime && mayBe && isWorth) await this.#restart();
    }
    return true;
  }

  async #startBroker(): Promise<void> {
    const { runtime } = this.#options;
    const data = this.#path("data");
    this.#broker = await startBroker({ runtime, data, readyWithinMs: 120_000 });
    this.#brokerStartMs = performance.now();
    this.#state.starts += 1;
    this.#situation.port = this.#broker.port;
    this.#saveState(this.#broker.pid);
  }

  async #restart(): Promise<void> {
    await this.#stopBroker();
    await this.#startBroker();
  }

  async #stopBroker(): Promise<void> {
    const broker = this.#broker!;
    this.#situation.stops += 1;
    this.#situation.port = 0;
    const { code, signal } = await broker.stop();
    this.#broker = null;
    if (code !== 0) this.#findings.push(`the broker ended with ${code ?? signal}`);
    const said = broker.stderr().split("\n").filter((line) => /error|warning/i.test(line));
    this.#findings.push(...said.slice(0, 5).map((line) => `the broker said: ${line}`));
  }

  async #makeTopics(): Promise<void> {
    const { port } = this.#situation;
    const connection = await Connection.connect({ host: "127.0.0.1", port });
    const admin = new Admin(connection);
    for (const topic of TOPICS) {
      const config = [
        { key: "durability", value: topic.level },
        { key: "segment.bytes", value: String(topic.segmentBytes) },
        { key: "retention.bytes", value: String(topic.retentionBytes) },
      ];
      await admin.createTopic(topic.name, { partitions: topic.partitions, config })
        .catch((error) => {
          if (!(error instanceof BrokerError) || error.name !== "topic_exists") throw error;
        });
      for (let partition = 0; partition < topic.partitions; partition += 1) {
        const ledger = new Ledger(`${topic.name}/${partition}`);
        this.#places.push({ topic, partition, ledger });
      }
    }
    connection.close();
  }

  /** Everybody starts; what they throw is a finding. Gives back the producers' ends. */
  #startLoad(): Promise<unknown>[] {
    const situation = this.#situation;
    const producers = this.#places.map(({ topic, partition, ledger }, index) => {
      const { level } = topic;
      const { ackFsync, ackOs, seenFsync, seenOs } = this.#measured;
      const acks = level === "fsync" ? ackFsync : level === "os" ? ackOs : null;
      const seen = level === "fsync" ? seenFsync : level === "os" ? seenOs : null;
      const prng = new Prng(this.#state.lives * 1000 + index);
      const world = { situation, ledger, prng, latencies: acks };
      const number = situation.life * 1000 + index + 1;
      this.#watch(readTail(situation, { topic, partition, ledger }, seen));
      return this.#watch(new SoakProducer(world, topic, partition, number).run());
    });
    const deletable = this.#places.filter(({ topic }) => topic.name === "soak-small");
    const prng = new Prng(this.#state.lives + 77);
    this.#watch(readAgain(situation, this.#places, prng, EVERY_MS.catchUp, this.#catchUps));
    this.#watch(churn(situation, this.#disturbed));
    this.#watch(visit(situation, this.#prng, this.#disturbed));
    this.#watch(deleteRecords(situation, deletable, this.#disturbed));
    this.#watch(pollStats(situation, this.#stats));
    return producers;
  }

  #watch(actor: Promise<void>): Promise<void> {
    return actor.catch((error) => {
      this.#findings.push(error instanceof Error ? error.stack ?? error.message : String(error));
    });
  }

  /** A disturbance that never came is found too: without it the soak shows less than it says. */
  #expectDisturbed(): void {
    if (performance.now() - this.#beganMs < DISTURBED_WITHIN_MS) return;
    const { topics, visits, deletions } = this.#disturbed;
    const came = { topics, visits, deletions, "ranges read again": this.#catchUps.count };
    for (const [what, count] of Object.entries(came)) {
      if (count === 0) this.#findings.push(`nothing disturbed it: no ${what}`);
    }
  }

  /** The load ends, everything acknowledged is read, and the broker is as it was when idle. */
  async #drain(producers: readonly Promise<unknown>[]): Promise<void> {
    this.#expectDisturbed();
    this.#situation.ending = true;
    await Promise.all(producers);
    const unread = (): number => this.#places.reduce((sum, { ledger }) => sum + ledger.unread, 0);
    await until("every acknowledged record is read", () => unread() === 0)
      .catch((error: Error) => this.#findings.push(`${error.message}: ${unread()} batches`));
    this.#situation.ended = true;
    await pause(6 * SECOND_MS); // the longest poll ends
    await this.#expectIdle();
    await this.#stopBroker();
    const { runtime } = this.#options;
    const verify = await runSluice({ runtime, args: ["verify", this.#path("data")] });
    if (verify.code !== 0) this.#findings.push(`verify: ${verify.out}${verify.stderr}`);
    rmSync(this.#path("data"), { recursive: true, force: true });
  }

  async #expectIdle(): Promise<void> {
    const { port } = this.#situation;
    const connection = await Connection.connect({ host: "127.0.0.1", port });
    const admin = new Admin(connection);
    let last = "";
    await until("an idle broker", async () => {
      const stats = new Map((await admin.stats()).map(({ name, value }) => [name, value]));
      const lent = stats.get("pool_lent_bytes") ?? 0;
      const connections = stats.get("connections") ?? 0;
      last = `${connections} connections, ${lent} bytes lent`;
      return lent <= LENT_IDLE_BYTES && connections <= CONNECTIONS_IDLE;
    }).catch((error: Error) => this.#findings.push(`${error.message}: ${last}`));
    connection.close();
  }

  #sample(): Promise<Sample | null> {
    const { pid } = this.#broker!;
    const upSeconds = (performance.now() - this.#brokerStartMs) / SECOND_MS;
    const broker = { pid, start: this.#state.starts, upSeconds };
    const records = this.#places.reduce((sum, { ledger }) => sum + ledger.ackedRecords, 0);
    return this.#sampler.take(broker, this.#state.done, records, this.#stats, this.#measured);
  }

  #wrong(): string[] {
    const { errors } = this.#situation;
    const violations = this.#places.flatMap(({ ledger }) => ledger.violations);
    return [...this.#findings, ...errors, ...violations];
  }

  #result(finished: boolean): SoakResult {
    const { topics, visits, deletions } = this.#disturbed;
    const sum = (field: "ackedRecords" | "readRecords"): number => {
      return this.#places.reduce((total, { ledger }) => total + ledger[field], 0);
    };
    const report = `in this life ${sum("ackedRecords")} records acknowledged and ` +
      `${sum("readRecords")} read, ${this.#catchUps.count} ranges read again ` +
      `(${(this.#catchUps.bytes / 1048576).toFixed(0)} MiB), ${topics} topics came and went, ` +
      `${visits} visits, ${deletions} deletions of records, ${this.#state.starts} starts`;
    const samples = readSamples(this.#path("samples.jsonl"));
    return { samples, findings: this.#wrong(), report, finished };
  }

  #saveState(brokerPid: number): void {
    const path = this.#path("state.json");
    writeFileSync(`${path}.new`, JSON.stringify({ ...this.#state, brokerPid }));
    renameSync(`${path}.new`, path);
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }
}

/** The state of a soak that has not reached its end, or a new one in an empty directory. */
function loadState({ runtime, directory, seconds }: SoakOptions): State {
  const path = join(directory, "state.json");
  if (existsSync(path)) {
    const state = JSON.parse(readFileSync(path, "utf8")) as State;
    if (state.done < seconds && state.runtime === runtime) return { ...state, seconds };
  }
  for (const name of ["state.json", "samples.jsonl", "data"]) {
    rmSync(join(directory, name), { recursive: true, force: true });
  }
  return { runtime, seconds, done: 0, lives: 0, starts: 0, brokerPid: 0 };
}

/** A broker that a killed soak left running on our data. */
function endOrphan(pid: number, data: string): void {
  if (pid <= 0 || !commandOf(pid).includes(data)) return;
  process.kill(pid, "SIGTERM");
  for (let waited = 0; waited < 200 && commandOf(pid).includes(data); waited += 1) {
    execFileSync("sleep", ["0.1"]);
  }
}

function commandOf(pid: number): string {
  const command = `tr '\\0' ' ' < /proc/${pid}/cmdline 2>/dev/null || true`;
  return execFileSync("sh", ["-c", command], { encoding: "utf8" });
}

function words(seconds: number): string {
  return seconds < 3600 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(2)} h`;
}

function progressText(sample: Sample, seconds: number): string {
  const { ackFsync, seenFsync } = sample;
  const ms = (value: number | undefined): string => value === undefined ? "-" : value.toFixed(1);
  return `${words(sample.seconds)} of ${words(seconds)}: ` +
    `${sample.recordsPerSecond.toFixed(0)} records/s, ` +
    `anonymous ${(sample.anonymousBytes / 1048576).toFixed(1)} MiB, ` +
    `${sample.descriptors} descriptors, ack p50/p99 ${ms(ackFsync?.p50Ms)}/` +
    `${ms(ackFsync?.p99Ms)} ms, seen p99 ${ms(seenFsync?.p99Ms)} ms, ` +
    `cpu ${(sample.brokerCpu * 100).toFixed(0)} % + load ${(sample.loadCpu * 100).toFixed(0)} %`;
}
