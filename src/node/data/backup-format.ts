/**
 * A backup as a file (docs/operators.md, "Backup and restore"): a magic line, a header, chunks of records each with a checksum, an end with the number of
 * records and the hash of everything before it. Written and read as a stream: memory is one chunk.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { StoreEntry } from "../../storage/port.ts";

export const magic = "byz-backup/1\n";
/** records gather until a chunk has this size; one larger record goes alone */
const chunkBytes = 256 * 1024;
/** more than the largest record, a proof with its batch */
const maxChunkBytes = 32 * 1024 * 1024;
const maxHeaderBytes = 1024 * 1024;

export interface BackupHeader {
  /** genesis.json, as it stands in the home */
  readonly genesis: string;
  /** Unix milliseconds */
  readonly createdAt: number;
  /** of the program that wrote it */
  readonly version: string;
}

/** The file is no backup, or not the whole of one. */
export class BackupError extends Error {
  readonly code: "torn" | "damaged" | "not-a-backup" | "wrong-network";
  readonly hint: string | undefined;
  constructor(code: BackupError["code"], message: string, hint?: string) {
    super(message);
    this.name = "BackupError";
    this.code = code;
    this.hint = hint;
  }
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const framed = (content: Uint8Array): Buffer => Buffer.concat([u32(content.length), u32(crc32(content)), content]);

/** The whole file, part by part. */
export const encodeBackup = async function* (header: BackupHeader, entries: AsyncIterable<StoreEntry>): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  const part = (bytes: Buffer): Buffer => {
    hash.update(bytes);
    return bytes;
  };
  yield part(Buffer.concat([Buffer.from(magic), framed(Buffer.from(JSON.stringify(header)))]));
  let parts: Uint8Array[] = [];
  let size = 0;
  let count = 0;
  for await (const { key, value } of entries) {
    parts.push(u32(key.length), key, u32(value.length), value);
    size += 8 + key.length + value.length;
    count += 1;
    if (size < chunkBytes) continue;
    yield part(framed(Buffer.concat(parts)));
    parts = [];
    size = 0;
  }
  if (size > 0) yield part(framed(Buffer.concat(parts)));
  const end = Buffer.alloc(12);
  end.writeBigUInt64BE(BigInt(count), 4);
  yield Buffer.concat([part(end), hash.digest()]);
};

/** Exactly so many bytes at a time out of a stream of parts of any size. */
const createSource = (parts: AsyncIterable<Uint8Array>) => {
  const iterator = parts[Symbol.asyncIterator]();
  const hash = createHash("sha256");
  let buffered = Buffer.alloc(0);
  const fill = async (count: number): Promise<void> => {
    const pieces: Uint8Array[] = [buffered];
    let have = buffered.length;
    while (have < count) {
      const next = await iterator.next();
      if (next.done === true) throw new BackupError("torn", "the backup ends too early", "it was cut off: use another copy");
      pieces.push(next.value);
      have += next.value.length;
    }
    buffered = Buffer.concat(pieces);
  };
  const take = async (count: number, hashed = true): Promise<Buffer> => {
    if (buffered.length < count) await fill(count);
    const bytes = buffered.subarray(0, count);
    buffered = buffered.subarray(count);
    if (hashed) hash.update(bytes);
    return bytes;
  };
  return {
    take,
    digest: (): Buffer => hash.digest(),
    atEnd: async (): Promise<boolean> => buffered.length === 0 && (await iterator.next()).done === true,
    close: async (): Promise<void> => void (await iterator.return?.()),
  };
};

type Source = ReturnType<typeof createSource>;

const damaged = (what: string): BackupError => new BackupError("damaged", `the backup is damaged: ${what}`, "use another copy");

/** The next frame's content; undefined at the end mark. */
const readFrame = async (source: Source, most: number): Promise<Buffer | undefined> => {
  const length = (await source.take(4)).readUInt32BE();
  if (length === 0) return undefined;
  if (length > most) throw damaged("a part is longer than any can be");
  const checksum = (await source.take(4)).readUInt32BE();
  const content = await source.take(length);
  if (crc32(content) !== checksum) throw damaged("a checksum does not match");
  return content;
};

const readRecords = function* (chunk: Buffer): Generator<StoreEntry> {
  let at = 0;
  const part = (): Uint8Array => {
    const end = at + 4 <= chunk.length ? at + 4 + chunk.readUInt32BE(at) : Number.POSITIVE_INFINITY;
    if (end > chunk.length) throw damaged("a record runs past its part");
    const bytes = chunk.subarray(at + 4, end);
    at = end;
    return bytes;
  };
  while (at < chunk.length) yield { key: part(), value: part() };
};

const readHeader = async (source: Source): Promise<BackupHeader> => {
  const start = await source.take(magic.length).catch(() => Buffer.alloc(0));
  if (start.toString("latin1") !== magic) throw new BackupError("not-a-backup", "the file is no backup of this program");
  const content = await readFrame(source, maxHeaderBytes);
  let header: Partial<Record<keyof BackupHeader, unknown>> | undefined;
  try {
    header = JSON.parse(String(content)) as Partial<Record<keyof BackupHeader, unknown>>;
  } catch {
    throw damaged("its header is not readable");
  }
  const { genesis, createdAt, version } = header;
  if (typeof genesis !== "string" || typeof createdAt !== "number" || typeof version !== "string") throw damaged("its header is not whole");
  return { genesis, createdAt, version };
};

const readEntries = async function* (source: Source): AsyncGenerator<StoreEntry> {
  try {
    let count = 0;
    for (let chunk = await readFrame(source, maxChunkBytes); chunk !== undefined; chunk = await readFrame(source, maxChunkBytes)) {
      for (const entry of readRecords(chunk)) {
        count += 1;
        yield entry;
      }
    }
    const said = (await source.take(8)).readBigUInt64BE();
    const digest = source.digest();
    if (said !== BigInt(count)) throw damaged(`it has ${count} records of ${said}`);
    if (!digest.equals(await source.take(32, false))) throw damaged("its hash does not match");
    if (!(await source.atEnd())) throw damaged("something follows its end");
  } finally {
    await source.close();
  }
};

/**
 * The header at once, the records as they are asked for: all of them have to be read before they can be believed.
 * @throws BackupError, also while the records are read
 */
export const readBackup = async (
  parts: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: BackupHeader; readonly entries: AsyncGenerator<StoreEntry> }> => {
  const source = createSource(parts);
  try {
    return { header: await readHeader(source), entries: readEntries(source) };
  } catch (error) {
    await source.close();
    throw error;
  }
};
