import { describe, expect, it } from "vitest";
import { judgeDisk } from "../../../src/cli/commands/doctor-disk.ts";

const GiB = 1024 ** 3;
const room = { freeBytes: 5 * GiB, freeFiles: 1_000_000, files: 2_000_000, dataBytes: GiB / 4 };

describe("the room on the disk", () => {
  it("is enough, low, or none", () => {
    expect(judgeDisk(room)).toMatchObject({ result: "ok", detail: "5.0 GiB free, the data takes 256 MiB" });
    expect(judgeDisk({ ...room, freeBytes: GiB / 2 })).toMatchObject({
      result: "warning",
      hint: expect.stringContaining("room") as unknown,
    });
    expect(judgeDisk({ ...room, freeBytes: 1024 ** 2 })).toMatchObject({
      result: "failed",
      hint: expect.stringContaining("start it again") as unknown,
    });
  });

  it("ends with the files that can be made, where the file system counts them", () => {
    expect(judgeDisk({ ...room, freeFiles: 0 })).toMatchObject({ result: "failed", detail: "0 more files can be made" });
    expect(judgeDisk({ ...room, freeFiles: 0, files: 0 }).result).toBe("ok");
  });
});
