/** What an ELF header says of a file, against files made here and this machine's own. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { readElf } from "../../../scripts/elf.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const directory = temporaryDirectory("elf");

function file(name: string, bytes: Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

/** A header, one program header behind it, and the loader's path behind that. */
function elf(machine: number, loader: string): Buffer {
  const bytes = Buffer.alloc(64 + 56 + loader.length + 1);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeUInt32LE(64, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(loader === "" ? 0 : 1, 56);
  bytes.writeUInt32LE(3, 64);
  bytes.writeUInt32LE(120, 64 + 8);
  bytes.writeUInt32LE(loader.length + 1, 64 + 32);
  bytes.write(loader, 120, "latin1");
  return bytes;
}

test("processor and C library", () => {
  const all = [
    [62, "/lib64/ld-linux-x86-64.so.2", "x64", "glibc"],
    [183, "/lib/ld-linux-aarch64.so.1", "arm64", "glibc"],
    [183, "/lib/ld-musl-aarch64.so.1", "arm64", "musl"],
    [243, "", "machine 243", "none"],
  ] as const;
  for (const [machine, loader, processor, library] of all) {
    const path = file(`${machine}${library}`, elf(machine, loader));
    assert.deepEqual(readElf(path), { processor, library });
  }
});

test("what is no such file", () => {
  assert.equal(readElf(file("empty", new Uint8Array(0))), null);
  assert.equal(readElf(file("script", Buffer.from("#!/bin/sh\n".padEnd(100)))), null);
  const wide = elf(62, "");
  wide[4] = 1;
  assert.equal(readElf(file("of 32 bits", wide)), null);
});

test("this machine's own runtime", () => {
  const found = readElf(process.execPath);
  assert.equal(found?.processor, process.arch);
  assert.notEqual(found?.library, "none");
});
