/**
 * The restrictions of packaging/sluice.service, read from the file and applied to a real run where
 * no systemd is: what comes before the program's own words.
 *
 *     ProtectSystem=strict    / is mounted read-only; the data and run directories are not
 *     ProtectHome, PrivateTmp, PrivateDevices    empty file systems in place of them
 *     SystemCallFilter        the sets that `systemd-analyze syscall-filter` names
 *     User, NoNewPrivileges, CapabilityBoundingSet=    another user, who can never gain anything
 *
 * Invariant: a setting of the file that this launcher neither applies nor names as passed over is a
 * failure: nobody adds one that was never tried.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./runtimes.ts";
import {
  enterWrap,
  EPERM,
  type Filter,
  NOBODY,
  sandboxMissing,
  type SandboxPlan,
} from "./sandbox.ts";

export const UNIT_FILE = "packaging/sluice.service";

const APPLIED = [
  ...["CapabilityBoundingSet", "AmbientCapabilities", "NoNewPrivileges", "User", "Group"],
  ...["ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "UMask"],
  ...["SystemCallFilter", "SystemCallErrorNumber", "RestrictNamespaces", "LockPersonality"],
  ...["StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode"],
];
/** What only a service manager does, or a kernel for it. */
const PASSED_OVER = [
  ...["Type", "NotifyAccess", "ExecStart", "Restart", "RestartSec", "RestartPreventExitStatus"],
  ...["TimeoutStartSec", "TimeoutStopSec", "WatchdogSec", "LimitNOFILE", "PrivateUsers"],
  ...["ProtectProc", "ProcSubset", "ProtectClock", "ProtectHostname", "ProtectKernelLogs"],
  ...["ProtectKernelModules", "ProtectKernelTunables", "ProtectControlGroups", "KeyringMode"],
  ...["RestrictAddressFamilies", "RestrictRealtime", "RestrictSUIDSGID"],
  ...["SystemCallArchitectures", "RemoveIPC"],
];

/** Settings of its section [Service], each with all its values. */
export function serviceSettings(): Map<string, string[]> {
  const text = readFileSync(join(ROOT, UNIT_FILE), "utf8").replaceAll("\\\n", " ");
  const section = text.split("[Service]")[1]!.split("[Install]")[0]!;
  const found = new Map<string, string[]>();
  for (const line of section.split("\n")) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) found.set(name, [...found.get(name) ?? [], value ?? ""]);
  }
  return found;
}

/** Settings that nobody here knows. */
export function unknownSettings(): string[] {
  const known = [...APPLIED, ...PASSED_OVER];
  return [...serviceSettings().keys()].filter((name) => !known.includes(name));
}

/** Why they cannot be applied here, or null. */
export function unitMissing(): string | null {
  const { status, error, stderr } = spawnSync("systemd-analyze", ["--version"], {
    encoding: "utf8",
  });
  if (status !== 0) return `systemd-analyze --version: ${error?.message ?? stderr.trim()}`;
  return sandboxMissing();
}

/** The data directory is seen at /var/lib/sluice, and nothing else can be written. */
export function unitWrap(data: string): string[] {
  const plan: SandboxPlan = { root: "/", user: NOBODY, filter: unitFilter() };
  const lines = [
    `chown -R ${NOBODY}:${NOBODY} ${data}`,
    "mount -t tmpfs -o mode=755 state /var/lib",
    "mkdir /var/lib/sluice",
    `mount --bind ${data} /var/lib/sluice`,
    "mount -t tmpfs -o mode=755 run /run",
    "mkdir /run/sluice",
    `mount -t tmpfs -o uid=${NOBODY},mode=750 run /run/sluice`,
    ...devices(),
    "mount -t tmpfs tmp /tmp",
    "mount -t tmpfs tmp /var/tmp",
    "mount -t tmpfs -o mode=000,ro home /home",
    "mount -o remount,bind,ro /",
    "mount -o remount,ro /var/lib",
    "mount -o remount,ro /run",
    "umask 0027",
    "cd /",
  ];
  return enterWrap(lines, plan);
}

/** What PrivateDevices leaves. */
function devices(): string[] {
  const kept = ["null", "zero", "full", "random", "urandom", "tty"];
  return [
    "mkdir -p /var/lib/dev",
    "mount -t tmpfs dev /var/lib/dev",
    ...kept.flatMap((name) => [
      `touch /var/lib/dev/${name}`,
      `mount --bind /dev/${name} /var/lib/dev/${name}`,
    ]),
    "mount --move /var/lib/dev /dev",
  ];
}

function unitFilter(): Filter {
  const settings = serviceSettings();
  const names = new Set<string>();
  for (const value of settings.get("SystemCallFilter") ?? []) {
    const isDenied = value.startsWith("~");
    for (const name of value.replace("~", "").split(" ").flatMap(systemCalls)) {
      if (isDenied) names.delete(name);
      else names.add(name);
    }
  }
  const refused = ["unshare", "setns", "personality"]; // RestrictNamespaces, LockPersonality
  for (const name of refused) names.delete(name);
  return { refuse: EPERM, rules: [{ names: [...names], errno: 0, comparisons: [] }] };
}

/** Of a set, with those in it; or one call. */
function systemCalls(name: string): string[] {
  if (!name.startsWith("@")) return [name];
  const { stdout } = spawnSync("systemd-analyze", ["syscall-filter", name], { encoding: "utf8" });
  const listed = stdout.split("\n").slice(1).map((line) => line.trim());
  return listed.filter((line) => line !== "" && !line.startsWith("#")).flatMap(systemCalls);
}
