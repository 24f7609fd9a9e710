/**
 * Groups that commit while their broker is killed, loses power, and topics come and go: one seed is
 * one schedule, and it replays. In some of them the disk fails too: writes that find no room or an
 * error, syncs that lose what they were to write. The process is that of life.ts; what it answers
 * is held against offsets_model.ts in every fetch and after every start.
 */
import type { Door } from "../../src/broker/broker.ts";
import { type ErrorCode, ErrorCodes } from "../../src/format/errors.ts";
import { OFFSETS_TOPIC } from "../../src/format/internal_topics.ts";
import { CatalogueError } from "../../src/log/catalogue.ts";
import { DirectoryError } from "../../src/log/data_directory.ts";
import { StorageError } from "../../src/log/files.ts";
import { CallWatch } from "./call_watch.ts";
import { Life, orEnd, ProcessEnd } from "./life.ts";
import { type Attempt, Place } from "./offsets_model.ts";
import { drawCallFaults, drawDiskFaults } from "./plan.ts";
import { SimPrng } from "./prng.ts";
import { type CrashKind, SimLibc } from "./sim_libc.ts";
import { violated, Violation } from "./violation.ts";

const GROUPS = ["a", "b", "c", "größe"];
const TOPICS = ["orders", "notes"];
const PARTITIONS = 2;
const OPERATIONS = 120;
/** So that the log of offsets has many segments. */
const SEGMENT_BYTES = "2048";
const CALLS_BEFORE_CRASH = 40;
/** Starts that fail before the disk is mended, and after it. */
const START_FAILURES_MAX = 3;
const PAGE_SIZE = 512;
const LIFE = { writtenAheadBytes: 4096, readFailurePercent: 0 };
/** What a request gets whose batch the disk did not take. */
const OF_THE_DISK: ReadonlySet<number> = new Set<number>([
  ErrorCodes.storage_failed,
  ErrorCodes.disk_full,
]);

/** The first violation of the seed's schedule, or null. */
export function offsetsViolationOf(seed: number): Violation | null {
  return violationIn(new OffsetsWorld(seed), seed);
}

export function violationIn(world: OffsetsWorld, seed: number): Violation | null {
  try {
    world.run();
    return null;
  } catch (error) {
    if (error instanceof Violation) return error.at(seed, world.at);
    throw error;
  }
}

export class OffsetsWorld implements Door {
  readonly libc: SimLibc;
  /** How often each kind of thing came to pass. */
  readonly met: Record<string, number> = {};
  at = 0;
  readonly #prng: SimPrng;
  /** What befalls the disk; null: nothing does. */
  readonly #harm: SimPrng | null;
  readonly #watch: CallWatch = new CallWatch(null);
  readonly #places: Place[];
  readonly #topicIds: Map<string, string> = new Map();
  readonly #requests: Map<number, Attempt[]> = new Map();
  #life: Life | null = null;
  #token = 0;
  #offset = 0;

  constructor(seed: number) {
    this.#prng = new SimPrng(seed);
    const metadata = this.#prng.pick(["unordered", "ordered", "journal"] as const);
    const harm = this.#prng.fork("harm");
    this.#harm = harm.chance(50) ? harm : null;
    this.libc = new SimLibc({
      seed,
      faults: this.#harm === null ? {} : drawCallFaults(harm, false),
      diskOptions: {
        pageSize: PAGE_SIZE,
        metadata,
        faults: this.#harm === null ? {} : drawDiskFaults(harm),
      },
    });
    this.libc.observer = this.#watch;
    this.#places = GROUPS.flatMap((group) => {
      return TOPICS.flatMap((topic) => {
        return Array.from({ length: PARTITIONS }, (_, index) => new Place(group, topic, index));
      });
    });
  }

  run(): void {
    this.#start();
    for (this.at = 1; this.at <= OPERATIONS; this.at += 1) {
      try {
        this.libc.clock.advance(this.#prng.between(1, 4));
        this.#life!.readClocks();
        this.#harmSome();
        this.#operate();
        this.#look();
      } catch (error) {
        if (error instanceof ProcessEnd) this.#meet("ends by the disk");
        else if (!this.#watch.hasEnded) throw error;
        this.#crash(error instanceof ProcessEnd ? "kill" : this.#drawKind());
      }
    }
    this.libc.mend();
    this.#crash("power");
    this.#loadAll();
    this.libc.die();
  }

  #operate(): void {
    const kind = this.#prng.below(100);
    if (kind < 45) return this.#commit();
    if (kind < 80) return this.#turn();
    if (kind < 85) return this.#deleteGroup();
    if (kind < 90) return this.#changeTopic();
    if (kind < 96) return this.#crash(this.#drawKind());
    this.#watch.arm(this.#prng.between(1, CALLS_BEFORE_CRASH)); // somewhere in what follows
  }

  #harmSome(): void {
    const { disk } = this.libc;
    const harm = this.#harm;
    if (harm === null || !harm.chance(20)) return;
    const what = harm.below(8);
    if (what === 0) disk.failNextSyncs(1);
    else if (what === 1) disk.capacity = disk.usedBytes + harm.below(4) * PAGE_SIZE;
    else if (what === 2) disk.capacity = Infinity;
    else disk.background(harm.pick([10, 50, 100]));
  }

  #turn(): void {
    const life = this.#life!;
    this.libc.completeAio(this.#prng.below(4));
    life.turn(this.#prng.chance(70), this.#prng.chance(30));
    life.worker.work(Infinity);
    if (this.#prng.chance(30)) orEnd(() => life.deliver());
    if (this.#prng.chance(50)) orEnd(() => life.deletions[0]?.next());
  }

  #commit(): void {
    const group = this.#prng.pick(GROUPS);
    const places = this.#places.filter((place) => place.group === group && this.#prng.chance(50));
    const offsets = places.map(({ topic, partition }) => {
      this.#offset += 1;
      const metadata = "m".repeat(this.#prng.below(60));
      return { topic, partition, offset: this.#offset, leaderEpoch: -1, metadata };
    });
    const attempts = places.map((place, at) => place.attempt(offsets[at]!.offset));
    const token = this.#request(attempts);
    const commit = { group, memberId: "", generation: -1, offsets };
    this.#life!.broker.offsets.commit(token, commit, this);
  }

  #deleteGroup(): void {
    const group = this.#prng.pick(GROUPS);
    const places = this.#places.filter((place) => place.group === group);
    const token = this.#request(places.map((place) => place.attempt(null)));
    this.#life!.broker.offsets.remove(token, group, [], this);
  }

  #changeTopic(): void {
    const name = this.#prng.pick(TOPICS);
    const life = this.#life!;
    orEnd(() => {
      if (life.broker.topics.get(name) === undefined) this.#createTopic(name);
      else life.deleteTopic(name);
    });
    this.#meet("topics changed");
    this.#compareTopics();
  }

  #createTopic(name: string): void {
    const isOffsets = name === OFFSETS_TOPIC;
    const config = isOffsets
      ? [
        { key: "cleanup.policy", value: "compact" },
        { key: "segment.bytes", value: SEGMENT_BYTES },
      ]
      : [];
    this.#life!.createTopic({ name, partitions: PARTITIONS, config });
  }

  #request(attempts: Attempt[]): number {
    this.#token += 1;
    this.#requests.set(this.#token, attempts);
    return this.#token;
  }

  offsetsDone(token: number, error: ErrorCode, results: readonly ErrorCode[]): void {
    const attempts = this.#requests.get(token);
    if (attempts === undefined) violated("O1", "a request was answered twice, or by another life");
    this.#requests.delete(token);
    this.#meet(error === ErrorCodes.none ? "answered" : "refused");
    attempts.forEach((attempt, at) => {
      const refusal = error !== ErrorCodes.none ? error : results[at] ?? ErrorCodes.none;
      if (refusal === ErrorCodes.none) return attempt.answered();
      attempt.refusal = OF_THE_DISK.has(refusal) ? "disk" : "broker";
      this.#meet(`refused by the ${attempt.refusal}`);
    });
  }

  /** Every group fetches what it has; those that are loading are told so. */
  #look(): void {
    const { offsets, topics } = this.#life!.broker;
    for (const place of this.#places) {
      const { group, topic } = place;
      if (topics.get(topic) === undefined) continue;
      if (offsets.refusal(group) !== ErrorCodes.none) {
        this.#meet("loading");
        continue;
      }
      place.shown(offsets.committed(group, place)?.offset ?? null);
    }
  }

  #drawKind(): CrashKind {
    return this.#prng.chance(50) ? "kill" : "power";
  }

  #crash(kind: CrashKind): void {
    this.#watch.disarm();
    this.#life = null;
    this.#requests.clear();
    for (const place of this.#places) place.crashed();
    this.#meet("crashes");
    this.libc.crash(kind);
    this.#start();
  }

  /** Starts, perhaps cut off again and again, perhaps refused by the disk. */
  #start(): void {
    for (let failures = 0;;) {
      if (this.#prng.chance(20)) this.#watch.arm(this.#prng.between(1, 200));
      const outcome = this.#tryStart();
      this.#watch.disarm();
      if (outcome === "started") break;
      this.#meet(outcome === "cut" ? "crashes in a start" : "starts that fail");
      if (outcome === "failed") failures += 1;
      if (failures === START_FAILURES_MAX) this.libc.mend();
      if (failures > 2 * START_FAILURES_MAX) {
        violated("L1", "it does not start although nothing is in its way");
      }
      this.libc.crash(outcome === "cut" ? this.#drawKind() : "kill");
    }
    this.#compareTopics();
    if (!this.#prng.chance(30)) this.#loadAll(); // else what follows meets a broker that is loading
  }

  #tryStart(): "started" | "cut" | "failed" {
    try {
      this.#life = new Life(this.libc, this, LIFE);
      if (this.#life.broker.topics.get(OFFSETS_TOPIC) === undefined) {
        this.#createTopic(OFFSETS_TOPIC);
      }
      return "started";
    } catch (error) {
      if (this.#watch.hasEnded) return "cut";
      if (error instanceof StorageError) return "failed";
      if (error instanceof CatalogueError || error instanceof DirectoryError) {
        violated("T", error.message);
      }
      throw error;
    }
  }

  #loadAll(): void {
    const { offsets } = this.#life!.broker;
    while (offsets.isLoading) offsets.load(null);
    this.#look();
  }

  /** Where a topic is another one than before, or is gone, nothing that was committed counts. */
  #compareTopics(): void {
    for (const name of TOPICS) {
      const topicId = this.#life!.broker.topics.get(name)?.topicId ?? "";
      if (this.#topicIds.get(name) === topicId) continue;
      this.#topicIds.set(name, topicId);
      for (const place of this.#places) if (place.topic === name) place.forget();
    }
  }

  #meet(what: string): void {
    this.met[what] = (this.met[what] ?? 0) + 1;
  }

  appendDone(): void {}

  fetchDone(): void {}

  hasRoom(): boolean {
    return false;
  }

  push(): void {}

  logStartDone(): void {}

  offsetForTimeDone(): void {}
}
