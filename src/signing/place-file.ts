/** Puts a small file in place so that a crash at any moment leaves the old one or the new one, whole. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname } from "node:path";

/** What is done to the disk, in the order of use; tests let it fail, or the power. */
export type Disk = Pick<
  typeof fs,
  | "accessSync"
  | "closeSync"
  | "existsSync"
  | "fchownSync"
  | "fstatSync"
  | "fsyncSync"
  | "linkSync"
  | "openSync"
  | "realpathSync"
  | "renameSync"
  | "rmSync"
  | "statSync"
  | "writeSync"
>;

/** The system's name of an error, such as `ENOENT`. */
export const errnoOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

/** Does something with an open file, and closes it. */
const withFile = <T>(disk: Disk, path: string, flags: string, work: (file: number) => T): T => {
  const file = disk.openSync(path, flags, 0o600);
  try {
    return work(file);
  } finally {
    disk.closeSync(file);
  }
};

/** @returns whether names in this folder are durable now: some file systems can not sync a folder */
const syncFolder = (disk: Disk, folder: string): boolean => {
  try {
    withFile(disk, folder, "r", (handle) => disk.fsyncSync(handle));
    return true;
  } catch (error) {
    if (!["EINVAL", "EISDIR", "EPERM", "ENOTSUP"].includes(errnoOf(error))) throw error;
    return false;
  }
};

/** Another user's file stays his, such as a service's that root changes. */
const giveTo = (disk: Disk, file: number, owner: fs.Stats | undefined): void => {
  const { uid, gid } = disk.fstatSync(file);
  if (owner !== undefined && (owner.uid !== uid || owner.gid !== gid)) disk.fchownSync(file, owner.uid, owner.gid);
};

const writeWhole = (disk: Disk, file: number, text: string): void => {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += disk.writeSync(file, bytes, at);
  disk.fsyncSync(file);
  bytes.fill(0);
};

/** Puts a new file in place, unless one stands there. @throws Error `EEXIST` */
const moveNew = (disk: Disk, temporary: string, path: string): void => {
  try {
    disk.linkSync(temporary, path); // unlike rename, refuses to replace
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "ENOSYS", "EMLINK"].includes(errnoOf(error))) throw error;
    // a file system without hard links
    if (disk.existsSync(path)) throw Object.assign(new Error("a file stands there already", { cause: error }), { code: "EEXIST" });
    disk.renameSync(temporary, path);
  }
};

/** Overwrites what has no name any more: on disks that write in place, nobody finds it there. What can not be overwritten is gone by its name only. */
const wipe = (disk: Disk, file: number, { size }: fs.Stats): void => {
  try {
    if (disk.fstatSync(file).nlink > 0) return; // it has another name: somebody's copy
    disk.writeSync(file, Buffer.alloc(size), 0, size, 0);
    disk.fsyncSync(file);
  } catch {
    // opened for reading only, or a disk that fails: the new file is in place all the same
  }
};

/** To be overwritten if it may be. */
const flagsFor = (disk: Disk, path: string): string => {
  try {
    disk.accessSync(path, fs.constants.W_OK);
    return "r+";
  } catch {
    return "r";
  }
};

const replace = (disk: Disk, path: string, text: string): void => {
  const target = disk.realpathSync(path);
  withFile(disk, target, flagsFor(disk, target), (old) => {
    const was = disk.fstatSync(old);
    place(disk, target, text, was, (temporary) => disk.renameSync(temporary, target));
    if (syncFolder(disk, dirname(target))) wipe(disk, old, was);
  });
};

const place = (disk: Disk, path: string, text: string, owner: fs.Stats | undefined, move: (temporary: string) => void): void => {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    withFile(disk, temporary, "wx", (file) => {
      giveTo(disk, file, owner);
      writeWhole(disk, file, text);
    });
    move(temporary);
  } finally {
    disk.rmSync(temporary, { force: true });
  }
};

/** Whether a file beside `path` is what a crash left of an attempt to place it. */
export const isLeftOver = (name: string, path: string): boolean =>
  name.startsWith(`${basename(path)}.`) && /^[0-9a-f]{12}\.tmp$/.test(name.slice(basename(path).length + 1));

/** What root makes in somebody's folder is his, or his programs could not read it. */
const ownerOfNew = (disk: Disk, path: string): fs.Stats | undefined =>
  process.getuid?.() === 0 ? disk.statSync(dirname(path)) : undefined;

/**
 * Writes a file that only its owner can read (0600): complete and durable when it returns, or not at all. One that it replaces keeps its owner, and is
 * overwritten where it has no other name; where `path` is a symbolic link, the file behind it is meant.
 *
 * @throws Error of the file system, `EEXIST` where a file stands there and is not to be replaced
 */
export const placeFile = (path: string, text: string, overwrite: boolean, disk: Disk = fs): void => {
  if (overwrite && disk.existsSync(path)) return replace(disk, path, text);
  place(disk, path, text, ownerOfNew(disk, path), (temporary) => moveNew(disk, temporary, path));
  syncFolder(disk, dirname(path));
};
