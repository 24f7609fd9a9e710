/**
 * What `sluice doctor` says of each thing it looked at, from what was measured. Nothing is measured
 * here.
 *
 *     ok       fine              warning   works, and you should know         fail   will not work
 */

import { errnoName } from "../../../ffi/constants.ts";
import { MiB } from "../../base/units.ts";
import { DISK_LOW_BYTES_MAX, DISK_LOW_DIVISOR } from "../../limits.ts";

export interface Finding {
  readonly check: string;
  readonly state: "ok" | "warning" | "fail";
  readonly text: string;
  /** What to do; "" where there is nothing to do. */
  readonly hint: string;
}

export function ok(check: string, text: string): Finding {
  return { check, state: "ok", text, hint: "" };
}

export function warning(check: string, text: string, hint: string): Finding {
  return { check, state: "warning", text, hint };
}

export function fail(check: string, text: string, hint: string): Finding {
  return { check, state: "fail", text, hint };
}

/** `result`: 0, or -errno of the call that makes an AIO context. */
export function judgeAio(result: number, used: number, max: number): Finding {
  const check = "kernel AIO";
  if (result >= 0) return ok(check, `syncs run beside each other (${used} of ${max} in use)`);
  const hint = result === -11
    ? "Raise it: sysctl fs.aio-max-nr=1048576."
    : "A container's seccomp profile may refuse io_setup; allow it, or live with worker threads.";
  const text = `refused (${errnoName(-result)}): worker threads will sync instead`;
  return warning(check, text, hint);
}

/** `result`: 0, or -errno of cachestat. */
export function judgeCachestat(result: number): Finding {
  const check = "cachestat";
  if (result >= 0) return ok(check, "the kernel says what lies in the page cache");
  return warning(
    check,
    `refused (${errnoName(-result)}): cold reads are found by probing, which is less exact`,
    "Linux 6.5 and later have it; a container's seccomp profile may refuse it.",
  );
}

/** `result`: bytes read, or -errno, of a read that must not wait. */
export function judgeNoWait(result: number): Finding {
  const check = "RWF_NOWAIT";
  if (result >= 0) return ok(check, "reads that must not wait do not");
  return warning(
    check,
    `refused by this file system (${errnoName(-result)}): a cold read can hold up every client`,
    "Put the data on ext4 or XFS.",
  );
}

/** Names of file systems by their magic, and what we think of them. */
const FILE_SYSTEMS: ReadonlyMap<number, { name: string; problem: string }> = new Map([
  [0xef53, { name: "ext4", problem: "" }],
  [0x58465342, { name: "XFS", problem: "" }],
  [0x9123683e, { name: "btrfs", problem: "copy on write makes syncs slow" }],
  [0x2fc12fc1, { name: "ZFS", problem: "reads do not come from the page cache" }],
  [0x794c7630, { name: "overlayfs", problem: "this is a layer of a container and ends with it" }],
  [0x6969, { name: "NFS", problem: "syncs and locks depend on another machine" }],
  [0x1021994, { name: "tmpfs", problem: "this is memory: a power cut takes all of it" }],
  [0x65735546, { name: "FUSE", problem: "syncs mean what the program behind it makes of them" }],
]);

export function judgeFileSystem(type: number): Finding {
  const check = "file system";
  const known = FILE_SYSTEMS.get(type >>> 0);
  if (known === undefined) {
    const hint = "ext4 and XFS are what Sluice is tested on.";
    return warning(check, `of type 0x${(type >>> 0).toString(16)}, not known here`, hint);
  }
  if (known.problem === "") return ok(check, known.name);
  return warning(check, `${known.name}: ${known.problem}`, "Put the data on ext4 or XFS.");
}

/** Faster than this no disk makes 4 KiB durable: something answers before it is. */
const BELIEVABLE_US = 20;
const SLOW_MS = 20;

/** Sorted latencies of syncs, microseconds; `isMemory`: on tmpfs there is nothing to sync. */
export function judgeSync(latenciesUs: readonly number[], isMemory: boolean): Finding {
  const check = "sync latency";
  const at = (share: number): number => {
    return latenciesUs[Math.min(latenciesUs.length - 1, Math.floor(share * latenciesUs.length))]!;
  };
  const [p50Us, p99Us] = [at(0.5), at(0.99)];
  const text = `p50 ${p50Us.toFixed(0)} µs, p99 ${p99Us.toFixed(0)} µs, ` +
    `of ${latenciesUs.length} syncs of 4 KiB`;
  if (p50Us < BELIEVABLE_US) {
    const hint = isMemory
      ? "Put the data on a disk."
      : "Something answers before the bytes are on a disk (a cache without battery, a virtual " +
        "disk with cache=unsafe): what is acknowledged may be lost at a power cut.";
    return warning(check, `${text}: too fast to be true`, hint);
  }
  if (p99Us > SLOW_MS * 1000) {
    const hint =
      "Every acknowledgement at level fsync waits for it. Look for others that write to " +
      "the same disk.";
    return warning(check, `${text}: slow`, hint);
  }
  return ok(check, text);
}

export function judgeFreeSpace(availableBytes: number, totalBytes: number): Finding {
  const check = "free space";
  const mib = (bytes: number): string => (bytes / MiB).toFixed(0);
  const text = `${mib(availableBytes)} of ${mib(totalBytes)} MiB are free`;
  const low = Math.min(DISK_LOW_BYTES_MAX, totalBytes / DISK_LOW_DIVISOR);
  if (availableBytes < low) {
    return fail(check, `${text}: below ${mib(low)} MiB no record is taken`, "Free some space.");
  }
  if (availableBytes < totalBytes / 10) {
    return warning(check, text, "Free some space, or lower retention.bytes of the topics.");
  }
  return ok(check, text);
}

/** By how much a clock may be off against the monotonic one while it is watched. */
const STEP_MS = 20;

/** Milliseconds that both clocks went on, while they were watched. */
export function judgeStep(wallMs: number, monotonicMs: number): Finding {
  const check = "clock steps";
  const step = wallMs - monotonicMs;
  if (monotonicMs <= 0) {
    return fail(check, "the monotonic clock does not go on", "This machine cannot run a broker.");
  }
  if (Math.abs(step) <= STEP_MS) return ok(check, `in step for ${monotonicMs.toFixed(0)} ms`);
  return warning(
    check,
    `the clock went ${step.toFixed(0)} ms ahead of the monotonic one in ${
      monotonicMs.toFixed(0)
    } ms`,
    "Let one service set the clock, by slewing (chronyd, systemd-timesyncd).",
  );
}

/** Content of /sys/kernel/mm/transparent_hugepage/enabled; "" where there is none. */
export function judgeHugePages(text: string): Finding {
  const check = "huge pages";
  const chosen = /\[(\w+)\]/.exec(text)?.[1];
  if (chosen === undefined) return ok(check, "not used");
  if (chosen !== "always") return ok(check, `transparent huge pages: ${chosen}`);
  return warning(
    check,
    "transparent huge pages for everybody: a process at rest keeps more memory than it uses",
    "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
  );
}

/** Content of io.max of the process's control group; "" where there is no limit. */
export function judgeIoLimits(text: string): Finding {
  const check = "I/O limits";
  const limits = text.trim();
  if (limits === "") return ok(check, "none for this control group");
  return warning(
    check,
    `this control group is limited: ${limits.replace(/\n/g, "; ")}`,
    "Syncs wait when the limit is reached. Raise IOReadBandwidthMax and IOWriteBandwidthMax.",
  );
}
