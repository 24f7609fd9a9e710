/** What `/proc` says of mounts, as the kernel writes it and as this machine has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, EACCES, ENOENT, O_DIRECTORY, O_RDONLY } from "../../../ffi/constants.ts";
import {
  isOwnFileSystem,
  reportsSyncfsErrors,
  showsRoot,
} from "../../../src/server/own_file_system.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const MOUNTINFO = `22 28 0:20 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
291 28 8:17 / /srv/data rw,relatime shared:150 - ext4 /dev/sdb1 rw
29 28 8:1 /var/lib/volumes/a /data rw,relatime - ext4 /dev/sda1 rw
`;

function directoryAt(path: string): number {
  const fd = libc.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
  assert.ok(fd >= 0);
  return fd;
}

/** A libc to which a file of /proc holds this text, or cannot be opened. */
function withFile(name: string, content: string | number): typeof libc {
  const faulty = new FaultyLibc(libc);
  let isOpen = false;
  faulty.plan = (call, args) => {
    if (call === "openat" && args[1] === name) {
      if (typeof content === "number") return content;
      isOpen = true;
    }
    if (call !== "read" || !isOpen) return undefined;
    isOpen = false;
    const bytes = new TextEncoder().encode(content as string);
    (args[1] as { bytes: Uint8Array }).bytes.set(bytes);
    return bytes.length;
  };
  return faulty.libc;
}

test("a mount shows its file system from the root, or a part of it", () => {
  assert.equal(showsRoot(MOUNTINFO, "291"), true);
  assert.equal(showsRoot(MOUNTINFO, "29"), false, "a volume bound from the host's disk");
  assert.equal(showsRoot(MOUNTINFO, "28"), true);
  assert.equal(showsRoot(MOUNTINFO, "2"), false, "no such mount");
  assert.equal(showsRoot("", "28"), false);
});

test("a directory of a larger file system is not its own; a mounted one is", () => {
  const inside = directoryAt(temporaryDirectory("own"));
  assert.equal(isOwnFileSystem(libc, inside), false);
  const mounted = directoryAt("/proc");
  assert.equal(isOwnFileSystem(libc, mounted), true);
  for (const name of ["/proc/self/mountinfo", `/proc/self/fdinfo/${mounted}`]) {
    assert.equal(isOwnFileSystem(withFile(name, -EACCES), mounted), false, `without ${name}`);
  }
  libc.close(inside);
  libc.close(mounted);
});

test("syncfs tells of failed writes from Linux 5.8 on", () => {
  const RELEASE = "/proc/sys/kernel/osrelease";
  const versions: [string | number, boolean][] = [
    ["5.8.0-generic\n", true],
    ["5.10.0\n", true],
    ["6.1.0\n", true],
    ["10.0\n", true],
    ["5.7.19\n", false],
    ["4.18.0-553.el8\n", false],
    ["", false],
    [-ENOENT, false],
  ];
  for (const [text, expected] of versions) {
    assert.equal(reportsSyncfsErrors(withFile(RELEASE, text)), expected, String(text));
  }
});
