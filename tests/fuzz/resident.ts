/**
 * Ends a run of many inputs before it ends the machine. A limit of the address space does not do:
 * both runtimes reserve far more of it than they use.
 *
 * Invariant: a run goes on only while the process is resident with less than the limit.
 */
import process from "node:process";

const MiB = 1048576;
/** Of a process that fuzzes: three times what one needs. */
export const RESIDENT_MAX: number = 1024 * MiB;

export function residentMib(): number {
  return Math.round(process.memoryUsage().rss / MiB);
}

/** Throws where the process is larger than `bytesMax`. `where` says in which run. */
export function mustFit(bytesMax: number, where: string): void {
  const { rss } = process.memoryUsage();
  if (rss <= bytesMax) return;
  const mib = Math.round(rss / MiB);
  const maxMib = Math.round(bytesMax / MiB);
  throw new Error(
    `${where}: ${mib} MiB are resident, the limit is ${maxMib} MiB: something is kept`,
  );
}
