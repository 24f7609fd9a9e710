/**
 * What Linux says of a process and of the machine, between two moments.
 *
 *     const before = sample(pid); …; const used = between(before, sample(pid));
 *
 * Read by `cat`, because Deno wants every permission there is for /proc. A sample costs some
 * milliseconds: not for inside a measured window of one.
 *
 * Invariant: clock ticks of /proc are 10 ms; CPU seconds are known to that.
 */
import { execFileSync } from "node:child_process";
import process from "node:process";

const TICKS_PER_SECOND = 100;

export interface Sample {
  readonly atMs: number;
  /** user + system of the process, all its threads. */
  readonly cpuSeconds: number;
  /** What the whole machine worked, the kernel's own threads included. */
  readonly machineCpuSeconds: number;
  /** What the hypervisor gave to others while this machine wanted it; of all processors. */
  readonly stolenSeconds: number;
  /** user + system of this process and of the children it has waited for: the bench itself. */
  readonly ownCpuSeconds: number;
  /** Bytes the process had fetched from a disk, and had written towards one. */
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Memory in MiB: resident; its share when shared pages are divided; what no file stands behind. */
export interface Memory {
  readonly residentMib: number;
  readonly proportionalMib: number;
  readonly anonymousMib: number;
  readonly peakMib: number;
}

export interface Used {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** What the machine worked beyond the process and the bench, of all it could. */
  readonly foreignShare: number;
  readonly stolenSeconds: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export function sample(pid: number): Sample {
  const io = read(`/proc/${pid}/io`);
  return {
    atMs: performance.now(),
    cpuSeconds: processCpu(pid, false),
    ...machineCpu(),
    ownCpuSeconds: processCpu(process.pid, true),
    readBytes: numberAfter(io, "read_bytes:"),
    writtenBytes: numberAfter(io, "\nwrite_bytes:"),
  };
}

export function between(before: Sample, after: Sample, cores: number): Used {
  const seconds = (after.atMs - before.atMs) / 1000;
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  const own = after.ownCpuSeconds - before.ownCpuSeconds;
  const machine = after.machineCpuSeconds - before.machineCpuSeconds;
  return {
    seconds,
    cpuSeconds,
    foreignShare: Math.max(0, machine - cpuSeconds - own) / (seconds * cores),
    stolenSeconds: after.stolenSeconds - before.stolenSeconds,
    readBytes: after.readBytes - before.readBytes,
    writtenBytes: after.writtenBytes - before.writtenBytes,
  };
}

export function memoryOf(pid: number): Memory {
  const rollup = read(`/proc/${pid}/smaps_rollup`);
  const status = read(`/proc/${pid}/status`);
  return {
    residentMib: numberAfter(rollup, "\nRss:") / 1024,
    proportionalMib: numberAfter(rollup, "\nPss:") / 1024,
    anonymousMib: numberAfter(rollup, "\nAnonymous:") / 1024,
    peakMib: numberAfter(status, "\nVmHWM:") / 1024,
  };
}

export function threadsOf(pid: number): number {
  return numberAfter(read(`/proc/${pid}/status`), "\nThreads:");
}

/** Open descriptors of a process; without those of segments, which come with what is produced. */
export function descriptorsOf(pid: number): number {
  const listed = execFileSync("ls", ["-l", `/proc/${pid}/fd`], { encoding: "utf8" });
  const lines = listed.split("\n").filter((line) => line.includes(" -> "));
  return lines.filter((line) => !line.endsWith(".log")).length;
}

function processCpu(pid: number, withChildren: boolean): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const [user = NaN, system = NaN, childUser = NaN, childSystem = NaN] = fields.slice(11, 15);
  const ticks = user + system + (withChildren ? childUser + childSystem : 0);
  return ticks / TICKS_PER_SECOND;
}

function machineCpu(): { machineCpuSeconds: number; stolenSeconds: number } {
  const fields = read("/proc/stat").split("\n", 1)[0]!.split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  const ticks = user + nice + system + irq + softirq + steal;
  return { machineCpuSeconds: ticks / TICKS_PER_SECOND, stolenSeconds: steal / TICKS_PER_SECOND };
}

function read(path: string): string {
  return execFileSync("cat", [path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

/** The number behind a label, NaN where the label is missing. */
function numberAfter(text: string, label: string): number {
  const at = text.indexOf(label);
  return at < 0 ? NaN : Number.parseInt(text.slice(at + label.length), 10);
}
