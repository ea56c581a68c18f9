/** What `byz doctor` finds, and its judgement of the room on the disk. */

export interface Finding {
  readonly check: string;
  /** a warning keeps nothing from working now */
  readonly result: "ok" | "warning" | "failed";
  readonly detail: string;
  /** what to do */
  readonly hint?: string;
}

export const finding = (check: string, result: Finding["result"], detail: string, hint?: string): Finding => ({
  check,
  result,
  detail,
  ...(hint === undefined ? {} : { hint }),
});

/** The room that is left, as the system tells it. */
export interface Room {
  readonly freeBytes: number;
  /** of `files` that there can be in all; both 0 where the file system does not count them */
  readonly freeFiles: number;
  readonly files: number;
  /** of the node's store */
  readonly dataBytes: number;
}

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
/** the store's next tables, and what tidying them up needs meanwhile */
const neededBytes = 64 * MiB;
const leastFreeBytes = GiB;

const inWords = (bytes: number): string => (bytes < GiB ? `${Math.round(bytes / MiB)} MiB` : `${(bytes / GiB).toFixed(1)} GiB`);

/** A node whose disk is full says nothing more and stops: what it had said is on the disk, and it goes on once there is room. */
export const judgeDisk = ({ freeBytes, freeFiles, files, dataBytes }: Room): Finding => {
  const text = `${inWords(freeBytes)} free, the data takes ${inWords(dataBytes)}`;
  if (freeBytes < neededBytes) return finding("disk", "failed", text, "the node can not write, and stops; make room and start it again");
  if (files > 0 && freeFiles < 100)
    return finding("disk", "failed", `${freeFiles} more files can be made`, "remove files: the node stops without");
  return freeBytes < leastFreeBytes
    ? finding("disk", "warning", text, "a node without room stops; make some")
    : finding("disk", "ok", text);
};
