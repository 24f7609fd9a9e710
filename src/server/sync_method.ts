/**
 * How a shard syncs, chosen once at the start, on the main thread, by trying.
 *
 *     AIO taken?    yes: AIO                            no: four workers
 *     and beside it one syncfs instead of very many syncs, where the data directory is a file
 *     system of its own (own_file_system.ts) or the operator says that it may be treated so
 *
 * AIO may be missing: CONFIG_AIO=n, a filter of system calls, fs.aio-max-nr used up, a kernel
 * that does not know IOCB_CMD_FDSYNC, a file system that has no sync. All of them show when a
 * sync of the data directory is submitted, and not all of them before.
 */

import { EFD_NONBLOCK, errnoName, IOCB_CMD_FDSYNC } from "../../ffi/constants.ts";
import type { Aio, Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import type { SyncConfig } from "../config.ts";
import { SYNC_WORKERS, SYNCS_IN_FLIGHT_MAX } from "../limits.ts";
import { must, openDirectory } from "../log/files.ts";
import type { ManySyncs } from "../log/sync_group.ts";
import { Wake } from "../net/poller.ts";
import { AioSyncs, TRIAL_TAG } from "./many_syncs.ts";
import { isOwnFileSystem, reportsSyncfsErrors } from "./own_file_system.ts";

export interface SyncPlan {
  readonly method: "aio" | "pool";
  /** One `syncfs` may stand for the syncs of very many files. */
  readonly fileSystem: boolean;
  /** Workers to start. */
  readonly workers: number;
  /** For files of main, until the trial is ended. */
  readonly manySyncs: ManySyncs;
  /**
   * Gives back what the trial holds: at the stop, because the kernel takes 25 ms and more to end an
   * AIO context, and a start would wait for it.
   */
  readonly endTrial: () => void;
}

interface Trial {
  /** 0, or why AIO is not to be had: -errno. */
  readonly refused: number;
  readonly context: { readonly context: Aio; readonly wake: Wake } | null;
  readonly end: () => void;
}

const NO_TRIAL: Trial = { refused: 0, context: null, end: () => {} };

/** Returns why not, when what was asked for is not to be had. Throws StorageError. */
export function planSyncs(
  libc: Libc,
  dataFd: number,
  config: SyncConfig,
): SyncPlan | string {
  const wanted = config.method;
  const { refused, context, end } = wanted === "pool" ? NO_TRIAL : tryAio(libc, dataFd);
  if (refused < 0 && wanted === "aio") {
    end();
    return `sync.method aio: AIO is refused here (${errnoName(-refused)})`;
  }
  if (wanted === "filesystem" && !reportsSyncfsErrors(libc)) {
    end();
    return "sync.method filesystem: syncfs reports no errors before Linux 5.8";
  }
  const method = wanted === "pool" || refused < 0 ? "pool" : "aio";
  const isOwn = wanted === "auto" && isOwnFileSystem(libc, dataFd) && reportsSyncfsErrors(libc);
  const fileSystem = wanted === "filesystem" || isOwn;
  const workers = method === "pool" ? SYNC_WORKERS : fileSystem ? 1 : 0;
  const how = method === "aio" ? "AIO" : `${SYNC_WORKERS} workers`;
  const why = refused < 0 ? `, because AIO is refused (${errnoName(-refused)})` : "";
  const also = fileSystem ? `, and by syncfs from ${config.fileSystemFilesMin} files on` : "";
  trace(refused < 0 ? "warning" : "info", `syncs by ${how}${why}${also}`);
  const manySyncs = new AioSyncs(libc, { aio: context, fileSystemFd: -1, fileSystemFilesMin: 0 });
  return { method, fileSystem, workers, manySyncs, endTrial: end };
}

/** Submits a sync of the directory as the shard will. */
function tryAio(libc: Libc, dataFd: number): Trial {
  const wake = new Wake(libc, EFD_NONBLOCK);
  // A descriptor of its own: an error of the disk that it reports stays unreported elsewhere.
  const fd = must(openDirectory(libc, dataFd, "."), "open the data directory");
  const aio = libc.openAio(SYNCS_IN_FLIGHT_MAX, wake.fd);
  let refused = typeof aio === "number" ? aio : 0;
  if (typeof aio !== "number") {
    aio.prepare(0, IOCB_CMD_FDSYNC, fd, TRIAL_TAG);
    refused = Math.min(0, aio.submit(1));
  }
  const end = () => {
    if (typeof aio !== "number") aio.close(); // waits for the sync
    libc.close(fd);
    wake.close();
  };
  const context = refused < 0 || typeof aio === "number" ? null : { context: aio, wake };
  return { refused, context, end };
}
