/** The simulated calls that take a path, and what closes a descriptor. */
import { assert, assertInt } from "../../ffi/assert.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  DT_DIR,
  DT_LNK,
  DT_REG,
  DT_SOCK,
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  EMFILE,
  ENODEV,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EOPNOTSUPP,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_TMPFILE,
  O_TRUNC,
} from "../../ffi/constants.ts";
import type { DirectoryEntry, FileStatus, FileSystemStatus } from "../../ffi/libc.ts";
import { emptyFileStatus } from "../../ffi/status.ts";
import type { SimOptions } from "./sim_calls.ts";
import { OpenFile } from "./sim_descriptors.ts";
import { SimFile } from "./sim_file.ts";
import { SimFileCalls } from "./sim_file_calls.ts";
import { SimLink, type SimNode, SimSocketNode } from "./sim_node.ts";
import { PathWalk } from "./sim_paths.ts";
import { SimDirectory } from "./sim_tree.ts";

const EXT4_MAGIC = 0xef53;
const DEVICE_MAJOR = 8;
/** What an unlimited disk says of itself. */
const PLENTY = 2 ** 40;
const UMASK = 0o022;

export abstract class SimNameCalls extends SimFileCalls {
  protected readonly walk: PathWalk;

  constructor(options: SimOptions) {
    super(options);
    this.walk = new PathWalk(this.disk);
  }

  openat(directory: number, path: string, flags: number, mode: number): number {
    assertInt(flags);
    assertInt(mode);
    return this.done(
      "openat",
      directory,
      flags,
      mode,
      path,
      this.#open(directory, path, flags, mode),
    );
  }

  close(fd: number): number {
    assertInt(fd);
    return this.done("close", fd, 0, 0, "", this.descriptors.close(fd) ? 0 : -EBADF);
  }

  statx(directory: number, path: string, flags: number, into: FileStatus): number {
    assertInt(flags);
    const result = this.#status(directory, path, flags, into);
    return this.done("statx", directory, flags, result < 0 ? 0 : into.size, path, result);
  }

  fstatfs(fd: number, into: FileSystemStatus): number {
    const open = this.find(fd);
    if (open !== null) {
      const { capacity, freePages, pageSize } = this.disk;
      into.type = EXT4_MAGIC;
      into.totalBytes = capacity === Infinity ? PLENTY : capacity;
      into.availableBytes = capacity === Infinity ? PLENTY : freePages * pageSize;
    }
    return this.done("fstatfs", fd, 0, 0, "", open === null ? -EBADF : 0);
  }

  renameat(fromDirectory: number, from: string, toDirectory: number, to: string): number {
    const result = this.#rename(fromDirectory, from, toDirectory, to);
    return this.done("renameat", fromDirectory, toDirectory, 0, from + " " + to, result);
  }

  unlinkat(directory: number, path: string, flags: number): number {
    assertInt(flags);
    return this.done("unlinkat", directory, flags, 0, path, this.#unlink(directory, path, flags));
  }

  mkdirat(directory: number, path: string, mode: number): number {
    assertInt(mode);
    const code = this.#walkFrom(directory, path, true);
    let result = code;
    if (code === 0 && this.walk.node !== null) result = -EEXIST;
    if (result === 0) {
      const { parent, name } = this.walk;
      const made = this.disk.newDirectory(mode & 0o7777 & ~UMASK, parent);
      made.modifiedMs = this.clock.wallMs;
      this.disk.journal.create(parent, name, made);
    }
    return this.done("mkdirat", directory, mode, 0, path, result);
  }

  readDirectory(fd: number, into: DirectoryEntry[]): number {
    const open = this.find(fd);
    let result = open === null ? -EBADF : -ENOTDIR;
    if (open instanceof OpenFile && open.node instanceof SimDirectory) {
      const { entries } = open.node;
      for (const [name, node] of entries) into.push({ name, type: entryType(node) });
      result = entries.size;
    }
    return this.done("readDirectory", fd, 0, 0, "", result);
  }

  /** Puts a symbolic link where there is nothing: the port itself makes none. */
  plantLink(path: string, target: string): void {
    const code = this.#walkFrom(AT_FDCWD, path, false);
    assert(code === 0 && this.walk.node === null, "a link is planted where there is nothing");
    this.disk.journal.create(this.walk.parent, this.walk.name, this.disk.newLink(target));
    this.disk.journal.syncDirectory(this.walk.parent);
  }

  /** Makes the name of a Unix socket. -EADDRINUSE is the caller's word for -EEXIST. */
  protected makeSocketNode(path: string): SimSocketNode | number {
    const code = this.#walkFrom(AT_FDCWD, path, true);
    if (code < 0) return code;
    if (this.walk.node !== null) return -EEXIST;
    const node = this.disk.newSocketNode(0o140755);
    this.disk.journal.create(this.walk.parent, this.walk.name, node);
    return node;
  }

  protected findSocketNode(path: string): SimSocketNode | number {
    const code = this.#walkFrom(AT_FDCWD, path, true);
    if (code < 0) return code;
    if (this.walk.node === null) return -ENOENT;
    return this.walk.node instanceof SimSocketNode ? this.walk.node : -ENODEV;
  }

  #walkFrom(directory: number, path: string, follow: boolean): number {
    assertInt(directory);
    let start = this.disk.root;
    if (directory !== AT_FDCWD && !path.startsWith("/")) {
      const open = this.descriptors.get(directory);
      if (open === null) return -EBADF;
      if (!(open instanceof OpenFile && open.node instanceof SimDirectory)) return -ENOTDIR;
      start = open.node;
    }
    return this.walk.to(start, path, follow);
  }

  #open(directory: number, path: string, flags: number, mode: number): number {
    if ((flags & O_TMPFILE) === O_TMPFILE) return -EOPNOTSUPP;
    const isNew = (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL);
    const code = this.#walkFrom(directory, path, (flags & O_NOFOLLOW) === 0 && !isNew);
    if (code < 0) return code;
    if (!this.descriptors.hasRoom) return -EMFILE;
    let node = this.walk.node;
    if (node === null) {
      if ((flags & O_CREAT) === 0) return -ENOENT;
      if (path.endsWith("/")) return -EISDIR;
      const file = this.disk.newFile(mode & 0o7777 & ~UMASK);
      file.modifiedMs = this.clock.wallMs;
      this.disk.journal.create(this.walk.parent, this.walk.name, file);
      node = file;
    } else {
      if (isNew) return -EEXIST;
      const refused = refuseOpen(node, flags);
      if (refused < 0) return refused;
      const isCut = (flags & O_TRUNC) !== 0 && node instanceof SimFile && node.size > 0;
      if (isCut) this.resize(node as SimFile, 0);
    }
    return this.descriptors.add(new OpenFile(this.disk, node, flags));
  }

  #status(directory: number, path: string, flags: number, into: FileStatus): number {
    if (path === "" && (flags & AT_EMPTY_PATH) !== 0 && directory !== AT_FDCWD) {
      const open = this.find(directory);
      if (open === null) return -EBADF;
      if (open instanceof OpenFile) return this.#fill(open.node, into);
      Object.assign(into, { ...emptyFileStatus(), mode: 0o600 });
      return 0;
    }
    const wanted = path === "" && (flags & AT_EMPTY_PATH) !== 0 ? "." : path;
    const code = this.#walkFrom(directory, wanted, (flags & AT_SYMLINK_NOFOLLOW) === 0);
    if (code < 0) return code;
    return this.walk.node === null ? -ENOENT : this.#fill(this.walk.node, into);
  }

  #fill(node: SimNode, into: FileStatus): number {
    const file = node instanceof SimFile ? node : null;
    into.mode = node.mode;
    into.size = file === null ? 0 : file.size;
    into.allocated = file === null ? 0 : file.pages * file.pageSize;
    into.inode = node.inode;
    into.deviceMajor = DEVICE_MAJOR;
    into.deviceMinor = 0;
    into.modifiedMs = node.modifiedMs;
    return 0;
  }

  #rename(fromDirectory: number, from: string, toDirectory: number, to: string): number {
    const fromCode = this.#walkFrom(fromDirectory, from, false);
    if (fromCode < 0) return fromCode;
    const { parent: fromParent, name: fromName, node } = this.walk;
    const toCode = this.#walkFrom(toDirectory, to, false);
    if (toCode < 0) return toCode;
    const { parent: toParent, name: toName, node: target } = this.walk;
    if (node === null) return -ENOENT;
    if (isDots(fromName) || isDots(toName)) return -EBUSY;
    if (node === target) return 0;
    if (node instanceof SimDirectory) {
      if (isInside(toParent, node)) return -EINVAL;
      if (target !== null && !(target instanceof SimDirectory)) return -ENOTDIR;
      if (target !== null && target.entries.size > 0) return -ENOTEMPTY;
    } else if (target instanceof SimDirectory) {
      return -EISDIR;
    }
    this.disk.journal.rename(fromParent, fromName, toParent, toName, node);
    if (node instanceof SimDirectory) node.parent = toParent;
    if (target !== null) this.#unlinked(target);
    return 0;
  }

  #unlink(directory: number, path: string, flags: number): number {
    const code = this.#walkFrom(directory, path, false);
    if (code < 0) return code;
    const { parent, name, node } = this.walk;
    if (node === null) return -ENOENT;
    if (isDots(name)) return -EINVAL;
    if ((flags & AT_REMOVEDIR) !== 0) {
      if (!(node instanceof SimDirectory)) return -ENOTDIR;
      if (node.entries.size > 0) return -ENOTEMPTY;
    } else if (node instanceof SimDirectory) {
      return -EISDIR;
    }
    this.disk.journal.unlink(parent, name, node);
    this.#unlinked(node);
    return 0;
  }

  #unlinked(node: SimNode): void {
    node.linked = false;
    this.disk.release(node);
  }
}

function refuseOpen(node: SimNode, flags: number): number {
  const writes = (flags & 3) !== 0 || (flags & O_TRUNC) !== 0;
  if (node instanceof SimLink) return -ELOOP;
  if (node instanceof SimSocketNode) return -ENODEV;
  const isDirectory = node instanceof SimDirectory;
  if (isDirectory && (writes || (flags & O_CREAT) !== 0)) return -EISDIR;
  return !isDirectory && (flags & O_DIRECTORY) !== 0 ? -ENOTDIR : 0;
}

function entryType(node: SimNode): number {
  if (node instanceof SimDirectory) return DT_DIR;
  if (node instanceof SimLink) return DT_LNK;
  return node instanceof SimSocketNode ? DT_SOCK : DT_REG;
}

function isDots(name: string): boolean {
  return name === "." || name === "..";
}

function isInside(directory: SimDirectory, ancestor: SimDirectory): boolean {
  let at = directory;
  while (at !== ancestor && at.parent !== at) at = at.parent;
  return at === ancestor;
}
