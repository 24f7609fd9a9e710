/**
 * A volume so small that a test can fill it: a tmpfs, or ext4 in an image on a loop device; and
 * somebody else who uses it, with a file as large as is wanted.
 */
import { spawnSync } from "node:child_process";
import { rmSync, statfsSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../temporary.ts";
import { until } from "../until.ts";
import { diskMissing, LoopDisk } from "./loop_disk.ts";

export type VolumeKind = "tmpfs" | "loop";

const FILL = "somebody-elses";

export class SmallVolume {
  /** Where it is mounted. */
  readonly path: string;
  readonly #remove: () => Promise<void>;

  private constructor(path: string, remove: () => Promise<void>) {
    this.path = path;
    this.#remove = remove;
  }

  /** Throws when the machine does not allow it: ask `volumeMissing` first. */
  static create(kind: VolumeKind, sizeMib: number): SmallVolume {
    if (kind === "loop") {
      const disk = LoopDisk.create({ fileSystem: "ext4", sizeMib, ramMib: sizeMib + 8 });
      return new SmallVolume(disk.path, () => disk.remove());
    }
    const path = temporaryDirectory("volume");
    mountTmpfs(path, sizeMib);
    return new SmallVolume(path, async () => {
      await until(`umount of ${path}`, () => spawnSync("umount", [path]).status === 0);
    });
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Somebody else takes all that is left, to the last block. */
  fill(): void {
    const path = join(this.path, FILL);
    spawnSync("dd", ["if=/dev/zero", `of=${path}`, "bs=65536", "oflag=append", "conv=notrunc"]);
    spawnSync("dd", ["if=/dev/zero", `of=${path}`, "bs=512", "oflag=append", "conv=notrunc"]);
    spawnSync("sync", ["-f", path]);
  }

  /** Somebody else keeps only so much of it. */
  shrink(bytes: number): void {
    const path = join(this.path, FILL);
    if (bytes === 0) rmSync(path, { force: true });
    else truncateSync(path, bytes);
    spawnSync("sync", ["-f", this.path]);
  }

  remove(): Promise<void> {
    return this.#remove();
  }
}

/** Why there can be no such volume here, or null. */
export function volumeMissing(kind: VolumeKind): string | null {
  if (kind === "loop") return diskMissing("ext4");
  const path = temporaryDirectory("probe");
  try {
    mountTmpfs(path, 1);
  } catch (error) {
    return `no tmpfs can be mounted here: ${error instanceof Error ? error.message : error}`;
  }
  spawnSync("umount", [path]);
  return null;
}

function mountTmpfs(path: string, sizeMib: number): void {
  const args = ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "sluice-test", path];
  const { status, stderr, error } = spawnSync("mount", args, { encoding: "utf8" });
  if (status !== 0) throw new Error((error?.message ?? stderr).trim());
}
