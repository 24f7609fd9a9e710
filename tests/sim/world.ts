/**
 * The world of one schedule: the machine, the process that runs on it now, and what all processes
 * so far have answered. It runs the operations, ends the process where the schedule says so, starts
 * the next one and lets the checker look.
 *
 *     operation … CrashPoint | ProcessEnd -> the disk forgets (power) or not (kill)
 *     -> start, perhaps cut off, again and again -> checked -> the next operation
 */
import { EAGAIN } from "../../ffi/constants.ts";
import type { FileSlice } from "../../src/base/file_slice.ts";
import type { AppendWaiters } from "../../src/broker/append_waiters.ts";
import type { Door } from "../../src/broker/broker.ts";
import type { LogStartWaiter } from "../../src/broker/log_starts.ts";
import type { TopicPartition } from "../../src/broker/topics.ts";
import type { Level } from "../../src/format/levels.ts";
import { CatalogueError } from "../../src/log/catalogue.ts";
import { DirectoryError } from "../../src/log/data_directory.ts";
import { StorageError } from "../../src/log/files.ts";
import { act } from "./actions.ts";
import { appendAnswered, checkFetches, fetchAnswered, logStartAnswered } from "./answers.ts";
import { CallWatch } from "./call_watch.ts";
import { countTails, differenceOf, logFiles, LyingDisk } from "./disk_view.ts";
import { CLOCK_CONFIRM_MS, Life, ProcessEnd } from "./life.ts";
import { LogView } from "./log_view.ts";
import { emptyStats, type Stats } from "./met.ts";
import { type Attempt, type Entry, Model, type PartitionModel } from "./model.ts";
import { pictureOf } from "./picture.ts";
import type { Cut, Operation, Plan } from "./plan.ts";
import type { Expected } from "./producer_model.ts";
import { type CrashKind, SimLibc } from "./sim_libc.ts";
import { LargeBlocks } from "./sim_memory.ts";
import { checkStart, type Ending } from "./start_checker.ts";
import { checkRetention, type Clock } from "./state_checker.ts";
import { StepPrng } from "./step_prng.ts";
import type { TraceHash } from "./trace_hash.ts";
import { violated, Violation } from "./violation.ts";

/** A batch on its way: the answer names it by its number. */
export interface Send {
  readonly attempt: Attempt;
  readonly partition: PartitionModel;
  readonly acks: number;
  /** Of the topic when it was sent: what the answer promises. */
  readonly level: Level;
  readonly expected: Expected;
  readonly entry: Entry | null;
}

export interface PendingFetch {
  readonly partition: PartitionModel;
  readonly offset: number;
  readonly askedMs: number;
  readonly maxWaitMs: number;
  /** Of the turn that found its time over; -1 before. */
  overMs: number;
}

export interface WorldOptions {
  readonly hash?: TraceHash | null;
  readonly tell?: ((text: string) => void) | null;
  readonly looks?: boolean;
}

const START_FAILURES_MAX = 3;
/** One for all schedules: what of it is read was written before. */
const largeBlocks = new LargeBlocks();

export class World implements Door {
  readonly plan: Plan;
  readonly libc: SimLibc;
  readonly watch: CallWatch;
  readonly model: Model = new Model();
  /** What the operations draw from. */
  readonly prng: StepPrng;
  readonly sends: Send[] = [];
  /** Asked of the process that runs, and not answered; by number. */
  readonly fetches: Map<number, PendingFetch> = new Map();
  fetchCount = 0;
  readonly stats: Stats = emptyStats();
  readonly ending: Ending;
  life: Life | null = null;
  view: LogView | null = null;
  /** Where what happened is told, in words; null: nowhere. */
  readonly tell: ((text: string) => void) | null;
  /** After each crash the files are looked at, for the statistics. */
  readonly looks: boolean;
  /** Index of the operation that runs. */
  at = -1;
  /** The disk has failed, or may have: what was in the page cache is not to be relied on. */
  isTroubled: boolean;
  /** When the wall clock was last set far ahead. */
  jumpedMs = 0;
  hasJumpedBack = false;
  /** The files as the last crash left them, before recovery: only where it is told. */
  crashPicture: readonly string[] = [];
  readonly #chance: StepPrng;
  #startedMs = 0;
  #pending: Operation | null = null;

  constructor(plan: Plan, options: WorldOptions = {}) {
    const { hash = null, tell = null } = options;
    this.plan = plan;
    this.tell = tell;
    this.looks = options.looks ?? false;
    const prng = new StepPrng(plan.seed);
    this.#chance = prng;
    this.prng = prng.fork("world");
    const diskOptions = {
      pageSize: 512,
      capacity: plan.capacity === Infinity ? Infinity : plan.capacity * 512,
      metadata: plan.metadata,
      faults: plan.diskFaults,
    };
    this.libc = new SimLibc({
      prng,
      ...(plan.lies > 0 ? { disk: new LyingDisk(prng, diskOptions, plan.lies) } : { diskOptions }),
      faults: plan.callFaults,
      refused: plan.refused,
      aioPercent: plan.aioPercent,
      largeBlocks,
    });
    if (!plan.hasAio) this.libc.openAio = () => -EAGAIN;
    this.watch = new CallWatch(hash);
    this.libc.observer = this.watch;
    const { syncFailure = 0, writebackFailure = 0 } = plan.diskFaults;
    this.isTroubled = syncFailure > 0 || writebackFailure > 0;
    this.ending = { clean: "no", kept: true, lying: plan.lies > 0, epoch: -1 };
  }

  /** Runs the schedule to its end. Throws Violation. */
  run(): Stats {
    try {
      this.#chance.restart(this.plan.seed);
      this.#start([]);
      const { operations } = this.plan;
      for (this.at = 0; this.at < operations.length && this.life !== null; this.at += 1) {
        this.#operate(operations[this.at]!);
      }
      if (this.life !== null) this.#finish();
    } catch (error) {
      throw this.#asViolation(error);
    } finally {
      this.libc.die();
    }
    this.stats.calls = this.watch.calls;
    return this.stats;
  }

  note(text: string): void {
    if (this.tell !== null) this.tell(`${String(this.at).padStart(3)}  ${text}`);
  }

  get #mayBeFull(): boolean {
    const { capacity, callFaults } = this.plan;
    return capacity !== Infinity || "writeFull" in callFaults;
  }

  #clock(): Clock {
    const { monotonicMs, wallMs } = this.libc.clock;
    const inStepMs = monotonicMs - Math.max(this.jumpedMs, this.#startedMs);
    return { wallMs, isTrusted: inStepMs >= CLOCK_CONFIRM_MS };
  }

  /** What a process has reached counts also when it does not come to say so. */
  observe(): void {
    for (const partition of this.life!.broker.topics.partitions) {
      if (partition.removed) continue;
      const known = this.model.partition(partition.topic.name, partition.index);
      if (known === null) continue;
      const { log } = partition;
      known.rollBack(log.stagedEnd); // what a failed write took back
      known.promise(log.durable.offset);
      known.writtenEnd = log.written.offset;
      if (log.logStart < known.logStart) {
        violated("C9", `${known.name}: log start ${known.logStart} became ${log.logStart}`);
      }
      if (log.logStartWanted > known.logStartWanted && !this.hasJumpedBack) {
        checkRetention(known, log, this.#clock());
      }
      known.logStart = log.logStart;
      known.logStartWanted = Math.max(known.logStartWanted, log.logStartWanted);
    }
  }

  appendDone(_partition: TopicPartition, waiters: AppendWaiters, level: number): void {
    this.#fold(waiters.correlation, waiters.error, waiters.base);
    appendAnswered(this, waiters.correlation, waiters.error, waiters.base, level);
  }

  hasRoom(): boolean {
    return false;
  }

  push(): void {
    throw new Error("nobody subscribes here");
  }

  fetchDone(
    partition: TopicPartition,
    _slot: number,
    _generation: number,
    correlation: number,
    _handle: number,
    error: number,
    slice: FileSlice,
  ): void {
    this.#fold(correlation, error, slice.size);
    fetchAnswered(this, partition, correlation, error, slice);
  }

  logStartDone(partition: TopicPartition, waiter: LogStartWaiter, error: number): void {
    this.#fold(waiter.offset, error, partition.index);
    logStartAnswered(this, partition, waiter, error);
  }

  /** No group commits here. */
  offsetsDone(): void {}

  offsetForTimeDone(): void {}

  /** The process ends now; the next one starts. */
  crash(kind: CrashKind, cuts: readonly Cut[]): void {
    this.#end(kind);
    this.#start(cuts);
  }

  #operate(operation: Operation): void {
    this.#chance.restart(operation.seed);
    this.stats.operations += 1;
    try {
      if (operation.kind === "crash") {
        if (this.#pending !== null) this.#crashPending();
        this.#pending = operation;
        if (operation.crash!.calls === 0) this.#crashPending();
        else this.watch.arm(operation.crash!.calls);
      } else {
        this.libc.clock.advance(this.prng.between(1, 4));
        this.life!.readClocks();
        act(this, operation.kind);
      }
      if (this.life === null) return;
      this.observe();
      checkFetches(this.fetches, this.life); // not of a turn that a crash ended
    } catch (error) {
      if (this.watch.hasEnded) this.#crashPending();
      else if (error instanceof ProcessEnd) {
        this.note(`the process ends itself: ${error.message}`);
        this.stats.storageErrors += 1;
        this.isTroubled = true;
        this.crash("kill", []);
      } else throw error;
    }
  }

  #crashPending(): void {
    const { crash, cuts } = this.#pending!;
    this.#pending = null;
    this.crash(crash!.kind, cuts);
  }

  #end(kind: CrashKind): void {
    const { strayed } = this.watch;
    if (strayed !== "") {
      violated("X", `the schedule is void: ${strayed} was called after the crash`);
    }
    this.watch.disarm();
    this.note(kind === "kill" ? "KILLED" : "POWER CUT");
    this.stats.crashes += 1;
    if (this.life !== null) {
      this.observe();
      this.#count(this.life);
    }
    this.life = null;
    this.view = null;
    this.fetches.clear();
    this.libc.crash(kind);
    this.model.disconnect();
    if (kind === "power") {
      this.stats.powerCuts += 1;
      this.ending.kept = false;
    }
    if (this.isTroubled) this.ending.kept = false;
    if (this.looks) countTails(this.libc.disk, this.stats);
    if (this.tell !== null) this.crashPicture = pictureOf(this.libc.disk);
  }

  #start(cuts: readonly Cut[]): void {
    let failures = 0;
    for (const cut of [...cuts, null]) {
      if (cut !== null) this.watch.arm(cut.calls);
      for (;;) {
        const outcome = this.#tryStart();
        if (outcome === "started") break;
        if (outcome === "cut") {
          this.stats.crashesInRecovery += 1;
          if (this.ending.clean === "yes") this.ending.clean = "maybe";
          this.#end(cut!.kind);
          break;
        }
        failures += 1;
        if (this.ending.clean === "yes") this.ending.clean = "maybe";
        if (failures === START_FAILURES_MAX) this.libc.mend();
        if (failures > 2 * START_FAILURES_MAX) {
          violated("L1", "it does not start although nothing is in its way");
        }
        this.#end("kill");
      }
      this.watch.disarm();
      if (this.life === null) continue;
      this.#check();
      if (cut === null || this.life === null) return;
      this.#end(cut.kind); // it was started before it came to its last call
    }
  }

  #tryStart(): "started" | "cut" | "failed" {
    try {
      this.life = new Life(this.libc, this, this.plan);
      this.view = new LogView(this.libc, this.life.broker.reader);
      return "started";
    } catch (error) {
      if (this.watch.hasEnded) return "cut";
      if (error instanceof StorageError) {
        this.note(`no start: ${error.message}`);
        this.isTroubled = true;
        return "failed";
      }
      if (error instanceof CatalogueError || error instanceof DirectoryError) {
        violated("T", error.message);
      }
      throw error;
    }
  }

  #check(): void {
    const life = this.life!;
    const { model, ending, prng } = this;
    this.#startedMs = this.libc.clock.monotonicMs;
    this.note(`started, node epoch ${life.epoch}${life.directory.clean ? ", clean" : ""}`);
    const hindrance = { isFull: this.#mayBeFull, isTroubled: this.isTroubled };
    if (!checkStart(model, life, this.view!, prng, ending, hindrance)) {
      this.life = null;
      return;
    }
    ending.clean = "no";
    ending.kept = true;
    ending.epoch = life.epoch;
    const { syncFailure, writebackFailure } = this.libc.disk.faults;
    this.isTroubled = syncFailure > 0 || writebackFailure > 0;
    this.observe();
    if (this.plan.lies > 0 || this.isTroubled || this.#mayBeFull || !prng.chance(8)) return;
    const before = logFiles(this.libc.disk);
    this.#end("kill");
    if (this.#tryStart() !== "started") return violated("L1", "the second start fails");
    this.watch.disarm();
    const difference = differenceOf(before, logFiles(this.libc.disk));
    if (difference !== "") violated("C11", `recovered twice: ${difference}`);
    this.#check();
  }

  /** The last words: no more faults, a power cut, and everything is looked at. */
  #finish(): void {
    this.#chance.restart(this.plan.seed);
    this.libc.mend();
    if (this.#pending !== null) this.#crashPending();
    if (this.life === null) return;
    this.crash("power", []);
    if (this.life === null) return;
    act(this, "verify");
    act(this, "settle");
    this.observe();
    this.#count(this.life);
    this.libc.die();
  }

  #count(life: Life): void {
    const { counters } = life.store;
    this.stats.rolls += counters.rolls;
    this.stats.segmentsDeleted += counters.segmentsDeleted;
    this.stats.checkpoints += counters.checkpoints;
    this.stats.duplicates += life.broker.counters.duplicateAppends;
    this.stats.coldWaits += life.worker.coldReads.counters.waits;
    this.stats.coldFailures += life.worker.failures;
  }

  #fold(a: number, b: number, c: number): void {
    const { hash } = this.watch;
    if (hash !== null) hash.onCall("answer", a, b, c, "", 0);
  }

  #asViolation(error: unknown): unknown {
    if (error instanceof Violation) return error.at(this.plan.seed, this.at);
    const words = error instanceof Error ? error.stack ?? error.message : String(error);
    return new Violation("X", words).at(this.plan.seed, this.at);
  }
}
