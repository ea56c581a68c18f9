/**
 * More than f validators cheat: one honest validator, a real process, is shown two commit certificates for one sequence. Three validators' keys are
 * this test's (PROTOCOL §10).
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { createHttpClient } from "../../src/client/http-client.ts";
import { encodeOperation } from "../../src/ledger/kv/encoding.ts";
import { createLibp2pNetwork } from "../../src/network/libp2p/create-network.ts";
import type { Network } from "../../src/network/port.ts";
import { parseGenesis, renderGenesis } from "../../src/node/home/genesis.ts";
import { genesisCommittee } from "../../src/node/home/genesis-committee.ts";
import { exportRecord, initHome } from "../../src/node/home/home.ts";
import { homeAt } from "../../src/node/home/layout.ts";
import { signRecord } from "../../src/node/home/record.ts";
import { toSequence, type Digest, type Epoch, type ReplicaIndex, type View } from "../../src/protocol/ids.ts";
import type { Batch, CertifiedBatch, Status } from "../../src/protocol/messages.ts";
import { createKey } from "../../src/signing/keys.ts";
import { createSigner, signRequest } from "../../src/signing/signer.ts";
import { genesisLogHash, logHashAfter } from "../../src/wire/digests.ts";
import { decodeSyncFrame, encodeFrame } from "../../src/wire/frames.ts";
import { createBatch } from "../../src/wire/requests.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";
import { byz, killWhatRuns, start } from "./support/command.ts";
import { temporaryFolder } from "./support/network.ts";
import { eventually } from "./support/wait.ts";

const folder = temporaryFolder();
killWhatRuns();
const path = join(folder, "honest");
const home = homeAt(path);
initHome(path, { moniker: "dave", config: { network: { listen: ["/ip4/127.0.0.1/tcp/0"] }, api: { listen: "127.0.0.1:0" } } });
const cheats = ["alice", "bob", "carol"].map((moniker) => ({ moniker, validator: createKey(), node: createKey() }));
const validators = [...cheats.map(({ moniker, ...keys }) => signRecord(moniker, keys)), exportRecord(home)];
const text = renderGenesis({ chainId: "forked", createdAt: 1_790_000_000_000, validators });
writeFileSync(home.genesis, text);
const genesis = parseGenesis(text, "genesis");
const committee = genesisCommittee(genesis);
const signBytes = createSignBytes(genesis.hash);

/** A batch that says this, and q COMMITs for it as sequence 1, all of them by cheats. */
const committed = (value: string): CertifiedBatch => {
  const operations = [encodeOperation({ type: "put", key: new TextEncoder().encode("truth"), value: new TextEncoder().encode(value) })];
  const batch: Batch = createBatch(Date.now(), [signRequest(createKey(), signBytes, { sequence: Date.now() * 1024, operations })]);
  const slot = { epoch: 0 as Epoch, view: 0 as View, sequence: toSequence(1), digest: batch.digest };
  const commits = cheats.map(({ validator }, index) => {
    const replica = index as ReplicaIndex;
    return { replica, signature: createSigner(validator, signBytes).sign({ kind: "commit", ...slot, replica }).signature };
  });
  return { certificate: { ...slot, commits }, batch };
};

const logAfter = ({ batch }: CertifiedBatch): Digest => logHashAfter(genesisLogHash(genesis.hash), batch.digest);

const networks: Network[] = [];
afterAll(() => Promise.all(networks.map((network) => network.stop())));

/** A validator whose heartbeats say that it executed this block, and who shows it to whoever asks. */
const startCheat = async (index: number, bootstrap: string, block: () => CertifiedBatch | undefined): Promise<void> => {
  const network = await createLibp2pNetwork({
    genesis: "",
    genesisHash: genesis.hash,
    nodeKey: cheats[index]?.node.exportSeed() ?? new Uint8Array(),
    listen: ["/ip4/127.0.0.1/tcp/0"],
    announce: [],
    bootstrap: [bootstrap],
    validators: committee.validators.map(({ peer }) => peer),
    dataDirectory: mkdtempSync(join(tmpdir(), "byz-cheat-")),
    log: () => undefined,
  });
  networks.push(network);
  const beat = (): void => {
    const shown = block();
    const status: Status = {
      kind: "status",
      epoch: 0 as Epoch,
      view: 0 as View,
      active: true,
      demand: 0 as View,
      executed: toSequence(shown === undefined ? 0 : 1),
      oldest: 1 as never,
      stable: toSequence(0),
      reach: [],
      logHash: shown === undefined ? genesisLogHash(genesis.hash) : logAfter(shown),
    };
    for (const { peer } of network.peers()) network.send(peer, "sync", encodeFrame(status));
  };
  const timer = setInterval(beat, 200);
  afterAll(() => clearInterval(timer));
  await network.start({
    onFrame(from, _channel, frame) {
      const decoded = decodeSyncFrame(frame);
      const shown = block();
      if (decoded.ok && decoded.value.kind === "fetch-blocks" && shown !== undefined)
        network.send(from, "sync", encodeFrame({ kind: "blocks", blocks: decoded.value.from === 1 ? [shown] : [] }));
    },
    onGossip: (_from, _data, verdict) => verdict("ignore"),
    onPeer: () => undefined,
  });
};

const startHonest = async () => {
  const node = start(["start", "--json", "--home", path]);
  const said = await eventually("the node listens", 60_000, () => {
    if (node.child.exitCode !== null) throw new Error(node.stderr());
    return node.stdout().includes("}") ? (JSON.parse(node.stdout()) as { api: string; addresses: readonly string[] }) : undefined;
  });
  return { node, api: said.api, address: said.addresses[0] ?? "", client: createHttpClient({ urls: [said.api] }) };
};

it("stops ordering, keeps both certificates, names who signed both, and anybody can check it; a restart changes nothing", async () => {
  const honest = await startHonest();
  const [one, other] = [committed("one"), committed("another")];
  const bob: { shown?: CertifiedBatch } = {};
  await startCheat(0, honest.address, () => one);
  await startCheat(1, honest.address, () => bob.shown);
  await eventually("it executed the first", 30_000, async () =>
    (await honest.client.status()).sequence.executed === 1 ? true : undefined,
  );
  expect(await honest.client.get("truth", { consistency: "local" })).toMatchObject({ value: "one" });
  expect(await honest.client.evidence()).toEqual([]);

  bob.shown = other;
  const blocked = await eventually("it sees the second", 60_000, async () => {
    const { blocked: why } = await honest.client.status();
    return why?.reason === "conflicting-commit" ? why : undefined;
  });
  expect(blocked.reason).toBe("conflicting-commit");
  const [record, ...more] = await eventually("the proof", 60_000, async () => {
    const found = await honest.client.evidence();
    return found.length > 0 ? found : undefined;
  });
  expect(more).toEqual([]);
  const names = ["alice", "bob", "carol"];
  expect(record).toMatchObject({
    kind: "conflicting-commits",
    culprit: committee.validators[0]?.peer,
    sequence: 1,
    action: "stopped ordering",
  });
  expect([record?.culprits.map(({ moniker }) => moniker), record?.signedBoth?.map(({ moniker }) => moniker)]).toEqual([names, names]);
  expect(await honest.client.get("truth", { consistency: "local" })).toMatchObject({ value: "one" });
  expect((await honest.client.ready()).ready).toBe(false);
  const refused = await byz(["put", "more", "x", "--home", path, "--api", honest.api]);
  expect(refused.status).not.toBe(0);
  expect(honest.node.stderr()).toContain("conflicting-commit");

  const file = join(folder, "evidence.json");
  const show = await byz(["evidence", "show", record?.id.slice(0, 12) ?? "", "--json", "--api", honest.api]);
  writeFileSync(file, show.stdout);
  const list = await byz(["evidence", "--api", honest.api]);
  expect([show.status, list.status, list.stdout]).toEqual([0, 0, expect.stringContaining("alice, bob, carol")]);
  const verified = await byz(["evidence", "verify", file, "--genesis", home.genesis, "--json", "--home", join(folder, "nobody")]);
  expect(verified.status).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({
    valid: true,
    kind: "conflicting-commits",
    culprits: names.map((moniker) => ({ moniker })),
  });
  writeFileSync(file, show.stdout.replace(/"sequence":1\b/, '"sequence":2'));
  expect((await byz(["evidence", "verify", file, "--genesis", home.genesis])).status).toBe(6);

  honest.node.child.kill("SIGKILL");
  await honest.node.ended;
  const again = await startHonest();
  expect((await again.client.evidence()).map(({ id }) => id)).toEqual([record?.id]);
  const still = await eventually("it says so", 30_000, async () => (await again.client.status()).blocked);
  expect(still.reason).toBe("conflicting-commit");
  again.node.child.kill("SIGTERM");
  expect((await again.node.ended).status).toBe(0);
});
