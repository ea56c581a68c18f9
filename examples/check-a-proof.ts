/**
 * Proves to somebody else, offline, what the network holds and what it did.
 *
 *   byz testnet up --detach
 *   node examples/check-a-proof.ts .byz-testnet/node-0/genesis.json http://127.0.0.1:27657
 *
 * The first half asks a node. The second half has nothing but the genesis and what the first half wrote down: it could run on another machine, years
 * later. A node that lies can make the first half fail, but it can not make the second half believe anything.
 */
import {
  createClient,
  createHttpClient,
  createRequestSigner,
  loadGenesis,
  openClientKey,
  verifyAnswer,
  verifyProofDocument,
} from "byzantine-coordinator/client";
import { encodeOperation } from "byzantine-coordinator";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [genesisFile, url] = process.argv.slice(2);
if (genesisFile === undefined || url === undefined) throw new Error("usage: node check-a-proof.ts GENESIS URL");
const genesis = loadGenesis(genesisFile);
const folder = mkdtempSync(join(tmpdir(), "proof-"));
const utf8 = new TextEncoder();

/** Online: a value with its proof, and a receipt for a write of our own. */
const ask = async (): Promise<void> => {
  const client = createClient({ genesis, urls: [url] });
  await client.put("contract", "signed by both");
  const { document } = await client.prove("contract");
  writeFileSync(join(folder, "value.json"), JSON.stringify(document));

  const sign = createRequestSigner(openClientKey(join(folder, "my.key")), genesis.hash);
  const request = sign(1, [encodeOperation({ type: "put", key: utf8.encode("bid"), value: utf8.encode("100") })]);
  const answer = await createHttpClient({ urls: [url] }).submitRequest(request.bytes, { proof: true });
  writeFileSync(join(folder, "request.bin"), request.bytes);
  writeFileSync(join(folder, "answer.json"), JSON.stringify(answer));
};

/** Offline. */
const check = (valueJson: string, answerJson: string): void => {
  const read = verifyProofDocument(genesis, JSON.parse(valueJson));
  const value = read.ok ? new TextDecoder().decode(read.entry?.value) : read.problem;
  console.log(read.ok ? `proven: as of block ${read.asOf} the contract is "${value}"` : `not proven: ${value}`);

  const wrote = verifyAnswer(genesis, readFileSync(join(folder, "request.bin")), JSON.parse(answerJson));
  console.log(wrote.ok ? `proven: my bid is in block ${wrote.sequence}, at place ${wrote.index}` : `not proven: ${wrote.problem}`);
};

try {
  await ask();
  const value = readFileSync(join(folder, "value.json"), "utf8");
  const answer = readFileSync(join(folder, "answer.json"), "utf8");
  check(value, answer);
  console.log("and with one digit changed:");
  check(value.replace(/"sequence":\d+/, '"sequence":999999'), answer.replace(/"sequence":\d+/, '"sequence":999999'));
} finally {
  rmSync(folder, { recursive: true });
}
