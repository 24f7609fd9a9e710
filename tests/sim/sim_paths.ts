/**
 * From a path to a node, as the kernel walks it: the errors, the links, "." and "..".
 *
 * Invariant: what C could not see whole (a zero inside, too long) is refused before the walk.
 */
import { EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, PATH_MAX } from "../../ffi/constants.ts";
import type { SimDisk } from "./sim_disk.ts";
import { SimLink, type SimNode } from "./sim_node.ts";
import { SimDirectory } from "./sim_tree.ts";

const NAME_MAX = 255;
const LINKS_MAX = 8;

/** Paths come again and again: their names are taken apart once. */
const PATHS_KEPT_MAX = 4096;
const namesOf: Map<string, readonly string[]> = new Map();

const encoder = new TextEncoder();
const room = new Uint8Array(PATH_MAX - 1);

/** Where the last walk ended. Read it before the next one. */
export class PathWalk {
  parent: SimDirectory;
  name = "";
  node: SimNode | null = null;
  readonly #disk: SimDisk;

  constructor(disk: SimDisk) {
    this.#disk = disk;
    this.parent = disk.root;
  }

  /**
   * Walks to the last name, which may not exist: then `node` is null. `follow`: a link there is
   * followed too. Returns 0 or -errno.
   */
  to(start: SimDirectory, path: string, follow: boolean): number {
    const refused = refusePath(path);
    if (refused < 0) return refused;
    return this.#walk(start, path, follow, 0);
  }

  #walk(start: SimDirectory, path: string, follow: boolean, links: number): number {
    if (links > LINKS_MAX) return -ELOOP;
    let directory = path.startsWith("/") ? this.#disk.root : start;
    const names = splitPath(path);
    this.#stand(directory, ".", directory);
    for (let i = 0; i < names.length; i += 1) {
      const name = names[i]!;
      if (isTooLong(name)) return -ENAMETOOLONG;
      const isLast = i === names.length - 1;
      let node: SimNode | null = directory.entries.get(name) ?? null;
      if (name === ".") node = directory;
      if (name === "..") node = directory.parent;
      this.#stand(directory, name, node);
      if (node instanceof SimLink && (follow || !isLast)) {
        const code = this.#walk(directory, node.target, true, links + 1);
        if (code < 0) return code;
        node = this.node;
      }
      if (isLast) break;
      if (node === null) return -ENOENT;
      if (!(node instanceof SimDirectory)) return -ENOTDIR;
      directory = node;
    }
    if (path.endsWith("/") && this.node !== null && !(this.node instanceof SimDirectory)) {
      return -ENOTDIR;
    }
    return 0;
  }

  #stand(parent: SimDirectory, name: string, node: SimNode | null): void {
    this.parent = parent;
    this.name = name;
    this.node = node;
  }
}

function splitPath(path: string): readonly string[] {
  let names = namesOf.get(path);
  if (names === undefined) {
    names = path.includes("/") ? path.split("/").filter((name) => name !== "") : [path];
    if (namesOf.size >= PATHS_KEPT_MAX) namesOf.clear();
    namesOf.set(path, names);
  }
  return names;
}

/** 0, or the reason why no kernel sees this path. */
function refusePath(path: string): number {
  if (path.includes("\0")) return -EINVAL;
  if (path === "") return -ENOENT;
  if (path.length < PATH_MAX / 3) return 0;
  return encoder.encodeInto(path, room).read < path.length ? -ENAMETOOLONG : 0;
}

function isTooLong(name: string): boolean {
  if (name.length * 3 <= NAME_MAX) return false;
  return encoder.encodeInto(name, room).written > NAME_MAX;
}
