/**
 * A disk that a test may break: a file system in an image, in memory of its own.
 *
 *     <temporary>/sluice-disk-…/ram        tmpfs, its size is the size of the "device"
 *     <temporary>/sluice-disk-…/ram/image  sparse, with ext4 or XFS
 *     <temporary>/sluice-disk-…/disk       where it is mounted
 *     <temporary>/sluice-disk-…/restore    commands that undo what was set for the loop device
 *
 * An image larger than its tmpfs is a thin disk: a write is taken, and the writeback finds no room.
 * It is made to fail honestly, which it does not by itself (measured on 6.18: in 13 of 80 runs
 * fdatasync returned 0 for data that was lost): the loop driver takes a write that came out short
 * for a whole one, so no request is larger than the page that fits or does not; and ext4 lets a
 * fdatasync succeed beside a journal that just found no room, so journal and tables have theirs.
 *
 * Invariant: nothing is left behind. The test calls `remove`; should it be killed, a shell that
 * waits for the end of its input unmounts (the loop device goes with the mount) and removes.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { until } from "../until.ts";
import { shutDown, type ShutdownFlag } from "./shutdown_ioctl.ts";

export type FileSystem = "ext4" | "xfs";

export interface DiskShape {
  readonly fileSystem: FileSystem;
  /** What the file system believes to have. */
  readonly sizeMib: number;
  /** What there is. Less than `sizeMib`: a thin disk, for ext4 only. */
  readonly ramMib: number;
}

/** A small journal, and no table that is filled in later behind the test's back. */
const MAKE: Readonly<Record<FileSystem, readonly string[]>> = {
  ext4: [
    ...["mkfs.ext4", "-q", "-F", "-J", "size=4", "-N", "4096"],
    ...["-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"],
  ],
  xfs: ["mkfs.xfs", "-q", "-f", "-K"],
};
const PACKAGES: Readonly<Record<FileSystem, string>> = { ext4: "e2fsprogs", xfs: "xfsprogs" };
/** mkfs.xfs makes nothing smaller. */
const PROBE_MIB: Readonly<Record<FileSystem, number>> = { ext4: 16, xfs: 320 };

const PAGE = 4096;
/** Superblock, bitmaps and tables of inodes lie here. */
const TABLES_PAGES = 1024;

const CLEAN_UP = [
  'cat > /dev/null; sh "$1/restore"; rm -f "$1/restore"',
  'umount -l "$1/disk"; umount -l "$1/ram"; rmdir "$1/disk" "$1/ram" "$1"',
].join("; ");

export class LoopDisk {
  /** Where the file system is mounted. */
  readonly path: string;
  readonly #root: string;
  readonly #shape: DiskShape;
  readonly #guard: ChildProcess;
  #mounted = false;

  private constructor(root: string, shape: DiskShape) {
    this.#root = root;
    this.#shape = shape;
    this.path = join(root, "disk");
    const stdio = ["pipe", "ignore", "ignore"] as const;
    const args = ["-c", CLEAN_UP, "sh", root];
    // In a group of its own: scripts/test.ts ends the group of a test that takes too long.
    this.#guard = spawn("sh", args, { detached: true, stdio: [...stdio] });
    this.#guard.unref();
  }

  /** Makes and mounts it. Throws when the machine does not allow that. */
  static create(shape: DiskShape, mountOptions: readonly string[] = []): LoopDisk {
    const root = mkdtempSync(join(tmpdir(), "sluice-disk-"));
    const disk = new LoopDisk(root, shape);
    try {
      run("mkdir", join(root, "ram"), disk.path);
      run("mount", "-t", "tmpfs", "-o", `size=${shape.ramMib}m`, "sluice-test", join(root, "ram"));
      run("truncate", "-s", `${shape.sizeMib}M`, disk.#image);
      const [program = "", ...options] = MAKE[shape.fileSystem];
      run(program, ...options, ...(disk.#isThin ? ["-b", String(PAGE)] : []), disk.#image);
      if (disk.#isThin) disk.#reserve();
      disk.mount(mountOptions);
      return disk;
    } catch (error) {
      disk.#abandon();
      throw error;
    }
  }

  get #image(): string {
    return join(this.#root, "ram", "image");
  }

  mount(options: readonly string[] = []): void {
    run("mount", "-o", ["loop", ...options].join(","), this.#image, this.path);
    this.#mounted = true;
    if (this.#isThin) this.#limitRequests();
  }

  get #isThin(): boolean {
    return this.#shape.ramMib < this.#shape.sizeMib;
  }

  /** Pages that were never written have no room yet: what lies there is written over itself. */
  #reserve(): void {
    const journal = run("debugfs", "-R", "stat <8>", this.#image).split("EXTENTS:")[1] ?? "";
    const extents = [...journal.matchAll(/\):(\d+)(?:-(\d+))?/g)].map(([, from, to]) => {
      return { from: Number(from), count: Number(to ?? from) - Number(from) + 1 };
    });
    if (extents.length === 0) throw new Error(`debugfs finds no journal: ${journal}`);
    for (const { from, count } of [{ from: 0, count: TABLES_PAGES }, ...extents]) {
      const range = [`skip=${from}`, `seek=${from}`, `count=${count}`, `bs=${PAGE}`];
      run("dd", `if=${this.#image}`, `of=${this.#image}`, "conv=notrunc", "status=none", ...range);
    }
  }

  #limitRequests(): void {
    const device = run("losetup", "--noheadings", "--output", "NAME", "--associated", this.#image);
    const setting = `/sys/block/${basename(device)}/queue/max_sectors_kb`;
    const before = run("cat", setting);
    writeFileSync(join(this.#root, "restore"), `echo ${before} > ${setting}\n`);
    run("sh", "-c", `echo ${PAGE / 1024} > ${setting}`);
  }

  /** Nobody may have a file open; a process that was killed a moment ago may still have. */
  async unmount(): Promise<void> {
    if (this.#isThin) run("sh", join(this.#root, "restore"));
    let said = "";
    await until(`umount of ${this.path}`, () => {
      const { status, stderr } = spawnSync("umount", [this.path], { encoding: "utf8" });
      said = stderr;
      return status === 0;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${said}`);
    });
    this.#mounted = false;
  }

  cutPower(flag: ShutdownFlag): Promise<void> {
    return shutDown(this.path, flag);
  }

  /** ext4 meets an error: mounted with errors=remount-ro it can only be read from now on. */
  breakIt(): void {
    const device = run("losetup", "--noheadings", "--output", "NAME", "--associated", this.#image);
    run("sh", "-c", `echo 1 > /sys/fs/ext4/${basename(device)}/trigger_fs_error`);
  }

  /** Whoever writes waits, in the middle of the call, until `thaw`. */
  freeze(): void {
    appendFileSync(join(this.#root, "restore"), `fsfreeze --unfreeze "${this.path}" || true\n`);
    run("fsfreeze", "--freeze", this.path);
  }

  thaw(): void {
    run("fsfreeze", "--unfreeze", this.path);
  }

  /** The device gets more room, or less. */
  resize(ramMib: number): void {
    run("mount", "-o", `remount,size=${ramMib}m`, join(this.#root, "ram"));
  }

  /** Leaves hardly more than what is taken now; false when more was taken meanwhile. */
  squeeze(leftMib: number): boolean {
    const ram = join(this.#root, "ram");
    const usedKib = Number(run("df", "--output=used", "-k", ram).split("\n").at(-1));
    const size = `remount,size=${usedKib + leftMib * 1024}k`;
    return spawnSync("mount", ["-o", size, ram]).status === 0;
  }

  async remove(): Promise<void> {
    if (this.#mounted) await this.unmount().catch(() => {});
    this.#abandon();
    await new Promise((resolve) => this.#guard.on("close", resolve));
  }

  /** The guard does the rest. */
  #abandon(): void {
    this.#guard.ref();
    this.#guard.stdin?.end();
  }
}

/** Why there can be no such disk here, or null. Found out by making one. */
export function diskMissing(fileSystem: FileSystem): string | null {
  const [program = ""] = MAKE[fileSystem];
  if (spawnSync(program, ["-V"]).error !== undefined) {
    return `${program} is not installed (Debian: apt-get install ${PACKAGES[fileSystem]})`;
  }
  const size = PROBE_MIB[fileSystem];
  let disk: LoopDisk;
  try {
    disk = LoopDisk.create({ fileSystem, sizeMib: size, ramMib: size });
  } catch (error) {
    return `no ${fileSystem} can be mounted here: ${
      error instanceof Error ? error.message : error
    }`;
  }
  void disk.remove();
  return null;
}

/** Gives back what it printed, without the end of the line. */
function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return stdout.trim();
  throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`.trim());
}
