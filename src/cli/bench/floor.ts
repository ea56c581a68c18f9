/** What this machine could do at best, measured beside the network: no figure means much without it. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { ed25519 } from "../../signing/ed25519.ts";
import { createKey } from "../../signing/keys.ts";
import { fromHex } from "../../wire/bytes.ts";

export interface Floor {
  /** Ed25519, on one thread, of a key that was looked at before: a node looks at each key once */
  readonly verificationsPerSecond: number;
  /** 256 bytes appended and synced, one after the other */
  readonly durableWritesPerSecond: number;
  /** one byte to another socket of this machine and back */
  readonly roundTripsPerSecond: number;
}

const secondsEach = 0.5;

const perSecond = async (once: () => Promise<void> | void): Promise<number> => {
  const began = performance.now();
  let count = 0;
  while (performance.now() - began < secondsEach * 1_000) {
    await once();
    count += 1;
  }
  return Math.round((count / (performance.now() - began)) * 1_000);
};

const verifications = async (): Promise<number> => {
  const key = createKey();
  const publicKey = fromHex(key.publicKey);
  if (!ed25519.isPublicKey(publicKey)) throw new Error("an honest key was refused");
  const message = Buffer.alloc(128, 1);
  const signature = key.sign(message);
  const turns = 16;
  return (
    (await perSecond(() => {
      for (let turn = 0; turn < turns; turn += 1)
        if (!ed25519.verify(publicKey, message, signature)) throw new Error("an honest signature was refused");
    })) * turns
  );
};

const durableWrites = async (folder: string): Promise<number> => {
  const file = openSync(join(folder, "floor"), "w");
  const bytes = Buffer.alloc(256, 1);
  try {
    return await perSecond(() => {
      writeSync(file, bytes);
      fdatasyncSync(file);
    });
  } finally {
    closeSync(file);
  }
};

const roundTrips = async (): Promise<number> => {
  const server = createServer((socket) => socket.setNoDelay(true).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").setNoDelay(true);
  try {
    return await perSecond(
      () =>
        new Promise<void>((resolve, reject) => {
          socket.once("error", reject);
          socket.once("data", () => {
            socket.off("error", reject);
            resolve();
          });
          socket.write("x");
        }),
    );
  } finally {
    socket.destroy();
    server.close();
  }
};

/** @param folder where the durable writes go; the caller removes it */
export const measureFloor = async (folder: string): Promise<Floor> => ({
  verificationsPerSecond: await verifications(),
  durableWritesPerSecond: await durableWrites(folder),
  roundTripsPerSecond: await roundTrips(),
});
