/**
 * Directories, and the journal of changes to them that are not durable yet.
 *
 *     directory   entries   name -> node   what a lookup sees
 *                 durable   name -> node   what a power cut leaves
 *     journal     create | rename | unlink | …       oldest first, each not yet in `durable`
 *
 * How changes become durable is drawn per world: "unordered" lets each survive by itself (only
 * changes of one name keep their order), "ordered" keeps a prefix, and "journal" is ordered and any
 * sync of any file commits all of it, as ext4 does.
 *
 * Invariant: `durable` with the journal applied is `entries`, for every directory.
 */
import { SimNode } from "./sim_node.ts";
import type { SimPrng } from "./prng.ts";

export type MetadataOrder = "unordered" | "ordered" | "journal";

export class SimDirectory extends SimNode {
  readonly entries: Map<string, SimNode> = new Map();
  readonly durable: Map<string, SimNode> = new Map();
  parent: SimDirectory;

  constructor(inode: number, mode: number, parent: SimDirectory | null) {
    super(inode, mode);
    this.parent = parent ?? this;
  }
}

/** A name that goes (`from`), one that comes (`to`), or both at once. */
interface Change {
  readonly from: SimDirectory | null;
  readonly fromName: string;
  readonly to: SimDirectory | null;
  readonly toName: string;
  readonly node: SimNode;
}

export class Journal {
  readonly order: MetadataOrder;
  #pending: Change[] = [];

  constructor(order: MetadataOrder) {
    this.order = order;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  create(to: SimDirectory, toName: string, node: SimNode): void {
    to.entries.set(toName, node);
    this.#pending.push({ from: null, fromName: "", to, toName, node });
  }

  unlink(from: SimDirectory, fromName: string, node: SimNode): void {
    from.entries.delete(fromName);
    this.#pending.push({ from, fromName, to: null, toName: "", node });
  }

  rename(
    from: SimDirectory,
    fromName: string,
    to: SimDirectory,
    toName: string,
    node: SimNode,
  ): void {
    from.entries.delete(fromName);
    to.entries.set(toName, node);
    this.#pending.push({ from, fromName, to, toName, node });
  }

  isPending(directory: SimDirectory): boolean {
    return this.#pending.some((change) => touches(change, directory));
  }

  /** A sync of a directory. */
  syncDirectory(directory: SimDirectory): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    if (this.order === "journal") return this.syncAll();
    const chosen = pending.map((change) => touches(change, directory));
    if (this.order === "ordered") {
      chosen.fill(true, 0, chosen.lastIndexOf(true) + 1);
    }
    this.#commit(chosen);
  }

  /** A sync of a file. */
  syncFile(): void {
    if (this.order === "journal" && this.#pending.length > 0) this.syncAll();
  }

  syncAll(): void {
    for (const change of this.#pending) apply(change);
    this.#pending.length = 0;
  }

  /** Some changes become durable by themselves. */
  background(prng: SimPrng, percent: number): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    if (this.order === "unordered") {
      this.#commit(pending.map(() => prng.chance(percent)));
    } else if (prng.chance(percent)) {
      const count = 1 + prng.below(pending.length);
      this.#commit(pending.map((_, i) => i < count));
    }
  }

  /** The power goes. Every directory afterwards looks as it is on the medium. */
  cutPower(prng: SimPrng, keepPercent: number): void {
    const pending = this.#pending;
    const touched = new Set<SimDirectory>();
    for (const { from, to } of pending) {
      if (from !== null) touched.add(from);
      if (to !== null) touched.add(to);
    }
    if (this.order === "unordered") {
      this.#commit(pending.map(() => prng.chance(keepPercent)));
    } else {
      const kept = drawCount(prng, pending.length, keepPercent);
      this.#commit(pending.map((_, i) => i < kept));
    }
    this.#pending.length = 0;
    for (const directory of touched) restore(directory);
  }

  /**
   * Commits what was chosen, and what earlier has to do with the same names: else an older change
   * would be applied over a newer one.
   */
  #commit(chosen: boolean[]): void {
    const pending = this.#pending;
    for (let i = pending.length - 1; i > 0; i -= 1) {
      if (chosen[i] !== true) continue;
      for (let earlier = 0; earlier < i; earlier += 1) {
        if (sharesName(pending[earlier]!, pending[i]!)) chosen[earlier] = true;
      }
    }
    pending.forEach((change, i) => {
      if (chosen[i] === true) apply(change);
    });
    this.#pending = pending.filter((_, i) => chosen[i] !== true);
  }
}

function drawCount(prng: SimPrng, count: number, keepPercent: number): number {
  if (count === 0 || keepPercent === 0) return 0;
  return keepPercent === 100 ? count : prng.below(count + 1);
}

function apply({ from, fromName, to, toName, node }: Change): void {
  if (from !== null) from.durable.delete(fromName);
  if (to !== null) to.durable.set(toName, node);
}

function restore(directory: SimDirectory): void {
  directory.entries.clear();
  for (const [name, node] of directory.durable) {
    directory.entries.set(name, node);
    node.linked = true;
    if (node instanceof SimDirectory) node.parent = directory;
  }
}

function touches(change: Change, directory: SimDirectory): boolean {
  return change.from === directory || change.to === directory;
}

function sharesName(one: Change, two: Change): boolean {
  return isName(one, two.from, two.fromName) || isName(one, two.to, two.toName);
}

function isName(change: Change, directory: SimDirectory | null, name: string): boolean {
  if (directory === null) return false;
  return (change.from === directory && change.fromName === name) ||
    (change.to === directory && change.toName === name);
}
