/** A network of four with real keys whose ledger was written by the node's own parts: what is on a validator's disk after some blocks. */
import { encodeOperation } from "../../src/ledger/kv/encoding.ts";
import { createKeyValueStore } from "../../src/ledger/kv/application.ts";
import { createExecution } from "../../src/node/pipeline/execution.ts";
import { parseGenesis, renderGenesis, type Genesis } from "../../src/node/home/genesis.ts";
import { genesisCommittee } from "../../src/node/home/genesis-committee.ts";
import { createJournal } from "../../src/node/pipeline/journal.ts";
import { openDataIn, type NodeData } from "../../src/node/data/node-data.ts";
import { found } from "../../src/node/data/recovery.ts";
import { signRecord } from "../../src/node/home/record.ts";
import { toSequence, type Digest, type Epoch, type ReplicaIndex, type View } from "../../src/protocol/ids.ts";
import type { CheckpointCertificate, CommitCertificate } from "../../src/protocol/messages.ts";
import { keyFromSeed, type KeyPair } from "../../src/signing/keys.ts";
import { createSigner, signRequest } from "../../src/signing/signer.ts";
import { createMemoryStore, type MemoryStore } from "../../src/storage/memory.ts";
import type { Store } from "../../src/storage/port.ts";
import { sha256 } from "../../src/wire/digests.ts";
import { createBatch, emptyBatch } from "../../src/wire/requests.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";

const utf8 = new TextEncoder();
const keyOf = (label: string): KeyPair => keyFromSeed(Buffer.from(sha256(utf8.encode(label)), "hex"));
const baseTime = 1_800_000_000_000;

export interface StoredNetwork {
  readonly genesis: Genesis;
  /** of validator `index` */
  readonly keys: readonly { readonly validator: KeyPair; readonly node: KeyPair }[];
  /** q COMMITs by these */
  certificate(sequence: number, digest: Digest, by?: readonly number[]): CommitCertificate;
  /** Executes blocks up to `last`, one put each but for every fifth, which is empty; a checkpoint is stable at each eighth. */
  run(store: Store, last: number, retain?: number): Promise<NodeData>;
}

export const createStoredNetwork = (name = "stored"): StoredNetwork => {
  const keys = Array.from({ length: 4 }, (_, index) => ({ validator: keyOf(`${name} ${index}`), node: keyOf(`${name} node ${index}`) }));
  const validators = keys.map((pair, index) => signRecord(`v${index}`, pair));
  const genesis = parseGenesis(
    renderGenesis({ chainId: name, createdAt: baseTime, parameters: { checkpointInterval: 8 }, validators }),
    name,
  );
  const committee = genesisCommittee(genesis);
  const signBytes = createSignBytes(genesis.hash);
  const signers = keys.map(({ validator }) => createSigner(validator, signBytes));
  const client = keyOf("client");

  const certificate: StoredNetwork["certificate"] = (sequence, digest, by = [0, 1, 2]) => {
    const slot = { epoch: 0 as Epoch, view: 0 as View, sequence: toSequence(sequence), digest };
    const commit = (replica: number) => signers[replica]?.sign({ kind: "commit", ...slot, replica: replica as ReplicaIndex }).signature;
    return {
      ...slot,
      commits: by.map((replica) => ({ replica: replica as ReplicaIndex, signature: commit(replica) ?? new Uint8Array() })),
    } as CommitCertificate;
  };

  const stable = ({ ledger, genesisCheckpoint }: NodeData): CheckpointCertificate => {
    const { sequence, stateRoot, logHash } = ledger.position();
    const roots = { epoch: 0 as Epoch, sequence, stateRoot, logHash, epochRoot: genesisCheckpoint.epochRoot };
    const signatures = [0, 1, 2].flatMap((index) => {
      const signed = signers[index]?.sign({ kind: "checkpoint", ...roots, replica: index as ReplicaIndex });
      return signed === undefined ? [] : [{ replica: index as ReplicaIndex, signature: signed.signature }];
    });
    return { ...roots, signatures };
  };

  return {
    genesis,
    keys,
    certificate,
    async run(store, last, retain = 0) {
      await found(store, genesis.hash, true);
      const application = createKeyValueStore();
      const data = await openDataIn(store, { genesisHash: genesis.hash, parameters: genesis.parameters, committee, application, retain });
      const journal = createJournal(store, (error) => {
        throw error;
      });
      const execution = createExecution(
        { ...data, executed: () => undefined, stabilised: (reached) => data.pruning.behind(reached.sequence) },
        journal,
      );
      const flushed = (): Promise<void> =>
        new Promise((resolve) => {
          journal.after(resolve);
          journal.flush();
        });
      for (let sequence = 1; sequence <= last; sequence += 1) {
        const operations = [encodeOperation({ type: "put", key: utf8.encode(`k${sequence % 7}`), value: utf8.encode(`v${sequence}`) })];
        const request = signRequest(client, signBytes, { sequence: baseTime * 1024 + sequence, operations });
        const batch = sequence % 5 === 0 ? emptyBatch : createBatch(baseTime + sequence, [request]);
        execution.run(certificate(sequence, batch.digest), batch, () => undefined);
        await flushed();
        if (sequence % genesis.parameters.checkpointInterval !== 0) continue;
        const reached = stable(data);
        journal.save(data.keeping.record({ type: "stable", certificate: reached }));
        await flushed();
        execution.stable(reached);
      }
      await flushed();
      await data.ledger.close();
      return data;
    },
  };
};

/** What lies in a memory store, with one record of a table changed, or gone. */
export const tampered = (
  store: MemoryStore,
  table: number,
  change: (value: Uint8Array) => Uint8Array | undefined,
  which = 0,
): MemoryStore => {
  const entries = store.entries();
  const entry = entries.filter(({ key }) => key[0] === table)[which];
  if (entry === undefined) throw new RangeError(`no record ${which} in table ${table}`);
  const value = change(new Uint8Array(entry.value));
  const rest = entries.filter((each) => each !== entry);
  return createMemoryStore({ entries: value === undefined ? rest : [...rest, { key: entry.key, value }] });
};
