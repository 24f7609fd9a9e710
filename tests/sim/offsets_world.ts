/**
 * Groups that commit while their broker is killed, loses power, and topics come and go: one seed is
 * one schedule, and it replays. The process is that of life.ts; what it answers is held against
 * offsets_model.ts in every fetch and after every start.
 */
import type { Door } from "../../src/broker/broker.ts";
import { type ErrorCode, ErrorCodes } from "../../src/format/errors.ts";
import { OFFSETS_TOPIC } from "../../src/format/internal_topics.ts";
import { CallWatch } from "./call_watch.ts";
import { Life } from "./life.ts";
import { type Attempt, Place } from "./offsets_model.ts";
import { SimPrng } from "./prng.ts";
import { SimLibc } from "./sim_libc.ts";
import { violated, Violation } from "./violation.ts";

const GROUPS = ["a", "b", "c", "größe"];
const TOPICS = ["orders", "notes"];
const PARTITIONS = 2;
const OPERATIONS = 120;
/** So that the log of offsets has many segments. */
const SEGMENT_BYTES = "2048";
const CALLS_BEFORE_CRASH = 40;

/** The first violation of the seed's schedule, or null. */
export function offsetsViolationOf(seed: number): Violation | null {
  const world = new OffsetsWorld(seed);
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
    this.libc = new SimLibc({ seed, diskOptions: { pageSize: 512, metadata } });
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
        this.#operate();
        this.#look();
      } catch (error) {
        if (!this.#watch.hasEnded) throw error;
        this.#crash();
      }
    }
    this.#crash();
    this.libc.die();
  }

  #operate(): void {
    const kind = this.#prng.below(100);
    if (kind < 45) return this.#commit();
    if (kind < 80) return this.#turn();
    if (kind < 85) return this.#deleteGroup();
    if (kind < 90) return this.#changeTopic();
    if (kind < 96) return this.#crash();
    this.#watch.arm(this.#prng.between(1, CALLS_BEFORE_CRASH)); // somewhere in what follows
  }

  #turn(): void {
    const life = this.#life!;
    this.libc.completeAio(this.#prng.below(4));
    life.turn(this.#prng.chance(70), this.#prng.chance(30));
    if (this.#prng.chance(30)) life.deliver();
    if (this.#prng.chance(50)) life.deletions[0]?.next();
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
    if (this.#life!.broker.topics.get(name) === undefined) this.#createTopic(name);
    else this.#life!.deleteTopic(name);
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
      if (refusal === ErrorCodes.none) attempt.answered();
      else attempt.isRefused = true;
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

  #crash(): void {
    this.#watch.disarm();
    this.#life = null;
    this.#requests.clear();
    this.#meet("crashes");
    this.libc.crash(this.#prng.chance(50) ? "kill" : "power");
    this.#start();
  }

  /** Starts, perhaps cut off again and again. */
  #start(): void {
    for (;;) {
      if (this.#prng.chance(20)) this.#watch.arm(this.#prng.between(1, 200));
      try {
        this.#life = new Life(this.libc, this, 4096);
        if (this.#life.broker.topics.get(OFFSETS_TOPIC) === undefined) {
          this.#createTopic(OFFSETS_TOPIC);
        }
        break;
      } catch (error) {
        if (!this.#watch.hasEnded) throw error;
        this.#meet("crashes in a start");
        this.#watch.disarm();
        this.libc.crash(this.#prng.chance(50) ? "kill" : "power");
      }
    }
    this.#watch.disarm();
    this.#compareTopics();
    if (this.#prng.chance(30)) return; // what follows meets a broker that is loading
    const { offsets } = this.#life.broker;
    while (offsets.isLoading) offsets.load();
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
}
