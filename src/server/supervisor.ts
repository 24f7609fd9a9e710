/**
 * The main thread's side of a broker: it opens the data directory, owns the catalogue, tells the
 * shard what to do and hears what it says.
 *
 *     shard loads; open directory -> reconcile topics -> shard: recovers, listens -> sync workers
 *
 * Invariant: the directory is closed as clean only after the shard has said that all is synced,
 * and its last offsets are in the checkpoint files.
 */

import { libc } from "#ffi";
import { SIGXFSZ } from "../../ffi/constants.ts";
import { JOB_RING_BYTES, JobRing } from "../base/job_ring.ts";
import { trace } from "../base/trace.ts";
import type { Address } from "../address.ts";
import type { BrokerConfig, HttpConfig } from "../config.ts";
import type { SettingEntry } from "../format/broker_settings.ts";
import { HTTP_SOCKET_FILE, RUN_DIRECTORY, shardSocketFile } from "../format/file_names.ts";
import type { ConfigEntry } from "../format/topic_config.ts";
import type { TopicEntry } from "../log/catalogue.ts";
import { DataDirectory } from "../log/data_directory.ts";
import { StorageError } from "../log/files.ts";
import { type CheckpointEntry, Keeper } from "../log/keeper.ts";
import { SerialSyncs } from "../log/sync_group.ts";
import { judgeClock } from "./clock.ts";
import { judgeDescriptors, partitionsMax, readDescriptorsMax } from "./descriptors.ts";
import { type HttpTokens, loadHttpTokens } from "./http_tokens.ts";
import type {
  RecoveryProgress,
  ShardMessage,
  ShardStart,
  SyncStart,
  TopicStart,
} from "./messages.ts";
import { RunDirectory } from "./run_directory.ts";
import { settingEntries, type SettingSources, unknownChanges } from "./setting_entries.ts";
import { planSyncs } from "./sync_method.ts";
import { UncleanStops } from "./unclean_stops.ts";
import { StartError } from "./start_error.ts";
import type { Threads } from "./threads.ts";
import { openUnixSocket, type UnixSocket } from "./unix_socket.ts";

const SHARD = 0;

export { StartError };

/** What a shard asks for while it serves. */
export type ShardRequest = Extract<
  ShardMessage,
  {
    kind:
      | "create_topic"
      | "delete_topic"
      | "alter_topic"
      | "add_partitions"
      | "alter_config"
      | "checkpoint"
      | "producer_ids"
      | "disk_ok";
  }
>;
/** What the HTTP door is opened with. */
export interface HttpStart {
  readonly config: HttpConfig;
  readonly isDefaultAddress: boolean;
  readonly socketPath: string;
  readonly tokens: HttpTokens;
}
type Stopped = Extract<ShardMessage, { kind: "stopped" }>;

export class Supervisor {
  readonly directory: DataDirectory;
  readonly keeper: Keeper;
  readonly socketPath: string;
  native: Address = { host: "", port: 0 };
  /** By the wall clock. */
  readonly startedMs: number = libc.wallMs();
  /** The shard listens. */
  isServing = false;
  /** Of a start that takes long. */
  recovery: RecoveryProgress = { partitionsDone: 0, partitions: 0, scannedBytes: 0 };
  /** Hears of the first progress. */
  #tellRecovering: (supervisor: Supervisor) => void = () => {};
  #serve: ((request: ShardRequest) => void) | null = null;
  /** What shards asked for before anybody served it. */
  readonly #early: ShardRequest[] = [];
  readonly threads: Threads;
  readonly #run: RunDirectory;
  readonly #uncleanStops: UncleanStops;
  readonly #config: BrokerConfig;
  readonly #sources: SettingSources;
  /** The shard runs: whatever fails here, it may write. */
  #mayWrite = false;
  /** Of all topics together; with more the next start would be refused. */
  partitionsMax = 0;
  #endTrial: () => void = () => {};
  #stopped: (message: Stopped) => void = () => {};
  readonly #hasStopped: Promise<Stopped>;

  private constructor(
    threads: Threads,
    directory: DataDirectory,
    keeper: Keeper,
    run: RunDirectory,
    config: BrokerConfig,
    sources: SettingSources,
  ) {
    this.#config = config;
    this.#sources = sources;
    this.threads = threads;
    this.directory = directory;
    this.keeper = keeper;
    this.socketPath = run.socketPath;
    this.#run = run;
    this.#uncleanStops = new UncleanStops(libc, directory);
    this.#hasStopped = new Promise((resolve) => (this.#stopped = resolve));
  }

  /**
   * Opens the directory, recovers and listens. `tellRecovering` hears of a start that takes long,
   * at its first progress, with what is there by then. Throws DirectoryError, CatalogueError,
   * StorageError or StartError.
   */
  static async start(
    config: BrokerConfig,
    version: string,
    threads: Threads,
    sources: SettingSources,
    tellRecovering: (supervisor: Supervisor) => void = () => {},
  ): Promise<Supervisor> {
    libc.ignoreSignal(SIGXFSZ); // a file that may not grow is an error of the write
    const wrongClock = judgeClock(libc.wallMs());
    if (wrongClock !== "") throw new StartError(wrongClock);
    const directory = DataDirectory.open(libc, config.dataDirectory, config.initialise);
    let run: RunDirectory | null = null;
    let supervisor: Supervisor | null = null;
    try {
      const keeper = new Keeper(directory, libc);
      for (const name of keeper.reconcile()) {
        trace("warning", `${name}: a directory of no topic, it is left alone`);
      }
      for (const refused of unknownChanges(keeper.settings)) {
        trace("warning", `a changed setting in the catalogue is passed over: ${refused}`);
      }
      run = makeRunDirectory(config, directory);
      supervisor = new Supervisor(threads, directory, keeper, run, config, sources);
      supervisor.#tellRecovering = tellRecovering;
      await supervisor.#startShard(config, version);
      return supervisor;
    } catch (error) {
      run?.remove();
      if (supervisor !== null) supervisor.#endTrial();
      if (supervisor !== null && supervisor.#mayWrite) throw error; // locked until the process ends
      // Nothing was served: what was clean still is, and the next start need not scan.
      const intact = error instanceof StartError && error.intact;
      if (directory.clean && intact) directory.closeClean();
      else directory.close();
      throw error;
    }
  }

  /**
   * Clients are served: the run is counted, in case that it ends soon and not cleanly. Returns
   * after how long `forgetRun` is to be called.
   */
  countRun(): number {
    this.#uncleanStops.began();
    return this.#config.restarts.shortMs;
  }

  /** It has served for that long. */
  forgetRun(): void {
    this.#uncleanStops.forget();
  }

  /** What the HTTP door needs; its tokens are made where there are none. Throws StartError. */
  httpStart(): HttpStart {
    return {
      config: this.#config.http,
      isDefaultAddress: this.#sources["http.listen"] === undefined,
      socketPath: this.#run.pathOf(HTTP_SOCKET_FILE),
      tokens: loadHttpTokens(libc, this.directory.fd),
    };
  }

  /** The settings of the broker with these changes. */
  settings(changes: readonly ConfigEntry[]): SettingEntry[] {
    return settingEntries(this.#config, this.#sources, changes);
  }

  /** From now on `serve` hears what shards ask for, and what they have asked for already. */
  serve(serve: (request: ShardRequest) => void): void {
    this.#serve = serve;
    for (const request of this.#early.splice(0)) serve(request);
  }

  /**
   * The shard has answered stop: waits until it has let go, has its last offsets stored by
   * `finishCheckpoints`, and then marks the directory clean.
   */
  async close(
    finishCheckpoints: (entries: readonly CheckpointEntry[]) => void,
  ): Promise<void> {
    this.#endTrial(); // while the shard lets go
    const { clean, entries } = await this.#hasStopped;
    await this.threads.terminate();
    this.#run.remove();
    try {
      finishCheckpoints(entries);
      if (clean) this.#uncleanStops.forget();
      if (clean) return this.directory.closeClean();
      trace("error", "not every partition is whole on disk: the next start looks at every file");
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      trace("error", `the next start looks at every file: ${error.message}`);
    }
    this.directory.close();
  }

  /**
   * A way to the shard, which serves. Where there is none it stops, cleanly, and lets go of the
   * directory: nobody could tell it anything.
   */
  async connect(): Promise<UnixSocket> {
    try {
      return await openUnixSocket(this.socketPath);
    } catch (error) {
      await this.#halt();
      throw error;
    }
  }

  async #halt(): Promise<void> {
    const { Waker } = await import("../net/poller.ts"); // a start does without
    const ring = new JobRing(this.threads.jobs);
    ring.halt();
    new Waker(libc, ring.wakeFd).raise();
    await this.close((entries) => this.keeper.checkpoint(entries));
  }

  async #startShard(config: BrokerConfig, version: string): Promise<void> {
    const descriptorsMax = this.#checkDescriptors(config);
    const sync = this.#planSyncs(config);
    const { shard } = this.threads;
    const ready = new Promise<Address>((resolve, reject) => {
      shard.onmessage = (event) => this.#heard(event.data, resolve, reject);
      void this.threads.failed.then(reject);
    });
    const shardStart: ShardStart = {
      nodeId: SHARD,
      nodeEpoch: this.directory.catalogue.nodeEpoch,
      version,
      dataFd: this.directory.fd,
      clean: this.directory.clean,
      topics: this.keeper.topics.map((topic) => this.#topicStart(topic)),
      native: config.native,
      nativeAdvertised: config.nativeAdvertised,
      connections: config.connections,
      descriptorsMax,
      coldReads: config.coldReads,
      settings: this.settings(this.keeper.settings),
      socketPath: this.socketPath,
      jobs: this.threads.jobs,
      sync,
    };
    shard.postMessage(shardStart);
    this.native = await ready;
    this.isServing = true;
    for (const ring of sync.rings) await this.threads.startSync(ring);
  }

  /** Returns how many descriptors the shard may have. Throws StartError: too few. */
  #checkDescriptors({ connections, http }: BrokerConfig): number {
    const ofHttp = http.enabled ? http.connectionsMax : 0;
    const max = readDescriptorsMax(libc);
    this.partitionsMax = partitionsMax(max - ofHttp);
    const partitions = this.keeper.topics.reduce((sum, topic) => sum + topic.partitions, 0);
    const { level, message } = judgeDescriptors(max, partitions, connections.max, ofHttp);
    if (level === "error") throw new StartError(message);
    if (level === "warning") trace("warning", message);
    return max - ofHttp;
  }

  /**
   * How the shard syncs, and the rings of the workers to start where AIO is refused, or `syncfs`
   * may be used.
   */
  #planSyncs(config: BrokerConfig): SyncStart {
    const { fileSystemFilesMin, waitShare, writeAhead, unsyncedBytesMax } = config.sync;
    const plan = planSyncs(libc, this.directory.fd, config.sync);
    if (typeof plan === "string") throw new StartError(plan);
    const { method, fileSystem, workers, manySyncs, endTrial } = plan;
    this.keeper.syncs = manySyncs;
    this.#endTrial = () => {
      this.keeper.syncs = new SerialSyncs(libc);
      endTrial();
    };
    const rings = Array.from({ length: workers }, () => new SharedArrayBuffer(JOB_RING_BYTES));
    return {
      method,
      fileSystem,
      rings,
      fileSystemFilesMin,
      waitShare,
      writeAhead,
      unsyncedBytesMax,
    };
  }

  #topicStart({ name, topicId, partitions, config, wasCompacted }: TopicEntry): TopicStart {
    const points = Array.from({ length: partitions }, (_, partition) => ({
      recoveryPoint: this.keeper.recoveryPoint(name, partition),
      logStart: this.keeper.logStart(name, partition),
    }));
    const topic = { name, topicId, partitions, config, points };
    return wasCompacted === undefined ? topic : { ...topic, wasCompacted };
  }

  #recovering({ partitionsDone, partitions, scannedBytes }: RecoveryProgress): void {
    this.recovery = { partitionsDone, partitions, scannedBytes };
    const tell = this.#tellRecovering;
    this.#tellRecovering = () => {};
    tell(this);
  }

  #heard(
    message: ShardMessage,
    ready: (address: Address) => void,
    refused: (error: Error) => void,
  ): void {
    if (message.kind === "libc_is_open") return; // to src/server/threads.ts
    this.#mayWrite = message.kind !== "refused" && message.kind !== "stopped";
    switch (message.kind) {
      case "ready":
        return ready({ host: message.host, port: message.port });
      case "recovering":
        return this.#recovering(message);
      case "refused":
        return refused(new StartError(message.message, message.intact));
      case "trace":
        return trace(message.level, message.message);
      case "background":
        return this.threads.startBackground();
      case "create_topic":
      case "delete_topic":
      case "alter_topic":
      case "add_partitions":
      case "producer_ids":
      case "alter_config":
      case "checkpoint":
      case "disk_ok":
        if (this.#serve !== null) return this.#serve(message);
        this.#early.push(message);
        return;
      case "stopped":
        return this.#stopped(message);
    }
  }
}

/** Where the shard's socket is to be. Throws StartError. */
function makeRunDirectory(config: BrokerConfig, directory: DataDirectory): RunDirectory {
  const made = RunDirectory.make(libc, {
    path: config.runDirectory ?? `${config.dataDirectory}/${RUN_DIRECTORY}`,
    isFixed: config.runDirectory !== undefined,
    sockets: [shardSocketFile(SHARD), HTTP_SOCKET_FILE],
    newId: () => directory.newTopicId(),
  });
  if (typeof made === "string") throw new StartError(made);
  return made;
}
