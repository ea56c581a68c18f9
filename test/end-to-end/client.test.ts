/** A lying node: a proxy in front of a real one alters what it says, and the client notices each time. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Client,
  ClientError,
  createClient,
  type Distrust,
  type Genesis,
  loadGenesis,
  type RequestAnswer,
} from "../../src/client/index.ts";
import type { AnswerProofJson, CertificateJson, GetAnswer, ProofJson } from "../../src/client/answers.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { byz, killWhatRuns } from "./support/command.ts";
import { networkFolder, startNetwork, temporaryFolder } from "./support/network.ts";
import { eventually } from "./support/wait.ts";

const dir = networkFolder();
const folder = temporaryFolder();
killWhatRuns();

type Answered = Required<RequestAnswer>;
type Read = GetAnswer & { readonly proof: ProofJson };
/** what the proxy makes of an answer; it sees what the node said to the last other request, too */
type Lie = (answer: Answered, previous: Answered) => unknown;

let testnet: Testnet;
let genesis: Genesis;
let foreign: Answered;
let proxy: Server;
let proxyUrl: string;
let lie: ((json: unknown) => unknown) | undefined;

const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const type = request.headers["content-type"];
  const answered = await fetch(testnet.node(0).api + (request.url ?? ""), {
    method: request.method ?? "GET",
    ...(type === undefined ? {} : { headers: { "content-type": type } }),
    ...(parts.length === 0 ? {} : { body: Buffer.concat(parts) }),
  });
  const json = (await answered.json()) as unknown;
  const altered = lie !== undefined && /requests|kv/.test(request.url ?? "") ? lie(json) : json;
  response.writeHead(answered.status, { "content-type": "application/json" }).end(JSON.stringify(altered));
};

const parameters = { checkpointInterval: 8 };

beforeAll(async () => {
  testnet = await startNetwork(dir, { nodes: 4, parameters });
  genesis = loadGenesis(join(testnet.node(0).home, "genesis.json"));
  proxy = createServer((request, response) => void forward(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const otherDir = join(folder, "other");
  const other = await startNetwork(otherDir, { nodes: 4, parameters, chainId: "other" });
  try {
    foreign = await recorded(other.node(0).api, loadGenesis(join(other.node(0).home, "genesis.json")));
  } finally {
    await other.down({ purge: true });
  }
});
afterAll(async () => {
  proxy?.closeAllConnections();
  await new Promise((resolve) => proxy?.close(resolve) ?? resolve(undefined));
});

/** A true answer, as a node gives it. */
const recorded = async (url: string, ofGenesis: Genesis): Promise<Answered> => {
  let seen: Answered | undefined;
  const watching: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const text = await response.text();
    seen = JSON.parse(text) as Answered;
    return new Response(text, response);
  };
  await createClient({ genesis: ofGenesis, urls: [url], fetch: watching }).put("recorded", "value");
  return seen as Answered;
};

const clientOf = (urls: readonly string[], distrusted: Distrust[] = []): Client =>
  createClient({ genesis, urls, patienceMs: 100, distrusted: (distrust) => distrusted.push(distrust) });
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "believed",
    (error: unknown) => (error instanceof ClientError ? error.code : Promise.reject(error)),
  );

describe("a client that trusts no node", () => {
  it("writes through one, reads through another, several operations at once", async () => {
    lie = undefined;
    const [first, second] = [clientOf([proxyUrl]), clientOf([testnet.node(3).api])];
    const written = await first.put("colour", "blue");
    const read = await second.get("colour");
    expect(Buffer.from(read.value ?? []).toString()).toBe("blue");
    expect(read.sequence).toBeGreaterThan(written.sequence);
    expect(await codeOf(first.put("colour", "red", { ifAbsent: true }))).toBe("version_conflict");
    expect((await second.get("nothing")).value).toBeUndefined();
  });

  it("is given proof by each node, of what any of them ordered, and by repetition of the same request", async () => {
    for (const { api } of testnet.state().nodes)
      expect(await clientOf([api]).put("everywhere", api)).toMatchObject({ version: expect.any(Number) as unknown });
    const clients = Array.from({ length: 24 }, (_, index) => clientOf([testnet.node(index % 4).api]));
    const written = await Promise.all(clients.map((client, index) => client.put(`many/${index}`, "value")));
    expect(written.map(({ version }) => version)).toEqual(clients.map(() => 1));
  });

  it("has its proof also while f validators are gone, and from a node that restarted", async () => {
    await testnet.kill(2);
    try {
      expect(await clientOf([testnet.node(0).api]).put("without/2", "value")).toMatchObject({ version: 1 });
    } finally {
      await testnet.restart(2);
    }
    const again = await eventually("node 2 proves again", 60_000, () => clientOf([testnet.node(2).api]).put("with/2", "value"));
    expect(again.version).toBeGreaterThan(0);
  });
});

const flip = (text: string): string => `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;
const flipHex = (text: string): string => `${text.startsWith("0") ? "1" : "0"}${text.slice(1)}`;
const withProof = (answer: Answered, proof: Partial<AnswerProofJson>): unknown => ({ ...answer, proof: { ...answer.proof, ...proof } });
const withReceipts = (answer: Answered, receipts: Partial<AnswerProofJson["receipts"]>): unknown =>
  withProof(answer, { receipts: { ...answer.proof.receipts, ...receipts } });
const withCertificate = (answer: Answered, certificate: Partial<CertificateJson>): unknown => ({
  ...answer,
  certificate: { ...answer.certificate, ...certificate },
});

describe("a node that lies about a signed request", () => {
  const lies: readonly (readonly [string, Lie])[] = [
    ["another result", (answer) => ({ ...answer, results: answer.results.map(flip) })],
    ["another version", (answer) => ({ ...answer, results: ["AQAAAAAAAABj"] })],
    ["a result more", (answer) => ({ ...answer, results: [...answer.results, ...answer.results] })],
    ["no results", (answer) => ({ ...answer, results: [] })],
    ["another sequence", (answer) => ({ ...answer, sequence: answer.sequence + 1 })],
    ["another index", (answer) => ({ ...answer, index: answer.index + 1 })],
    ["another request's id", (answer, previous) => ({ ...answer, id: previous.id })],
    ["another request's answer", (_answer, previous) => previous],
    ["another request's proof", (answer, previous) => ({ ...previous, id: answer.id })],
    ["another network's answer", (answer) => ({ ...foreign, id: answer.id })],
    ["another network's receipts", (answer) => withProof(answer, foreign.proof)],
    ["another network's signatures", (answer) => withReceipts(answer, { signatures: foreign.proof.receipts.signatures })],
    ["receipts of another sequence", (answer, previous) => withProof(answer, { receipts: previous.proof.receipts })],
    ["the signatures of another sequence", (answer, previous) => withReceipts(answer, { signatures: previous.proof.receipts.signatures })],
    ["a dropped receipt", (answer) => withReceipts(answer, { signatures: answer.proof.receipts.signatures.slice(1) })],
    ["no receipts", (answer) => withReceipts(answer, { signatures: [] })],
    [
      "one receipt twice",
      (answer) =>
        withReceipts(answer, {
          signatures: answer.proof.receipts.signatures.map(() => answer.proof.receipts.signatures[0]).filter((each) => each !== undefined),
        }),
    ],
    [
      "a receipt under another's name",
      (answer) => withReceipts(answer, { signatures: answer.proof.receipts.signatures.map((each, at) => ({ ...each, replica: at + 2 })) }),
    ],
    [
      "a forged receipt",
      (answer) =>
        withReceipts(answer, {
          signatures: answer.proof.receipts.signatures.map((each) => ({ ...each, signature: flip(each.signature) })),
        }),
    ],
    ["another results root", (answer) => withReceipts(answer, { resultsRoot: flipHex(answer.proof.receipts.resultsRoot) })],
    ["another state root", (answer) => withReceipts(answer, { stateRoot: flipHex(answer.proof.receipts.stateRoot) })],
    ["another log hash", (answer) => withReceipts(answer, { logHash: flipHex(answer.proof.receipts.logHash) })],
    ["another previous log hash", (answer) => withProof(answer, { previousLogHash: flipHex(answer.proof.previousLogHash) })],
    ["another path", (answer) => withProof(answer, { siblings: [...answer.proof.siblings, flipHex(answer.id)] })],
    ["another batch", (answer) => withCertificate(answer, { digest: flipHex(answer.certificate.digest) })],
    ["another view", (answer) => withCertificate(answer, { view: answer.certificate.view + 1 })],
    ["a certificate of too few", (answer) => withCertificate(answer, { signatures: answer.certificate.signatures.slice(1) })],
    [
      "a forged certificate",
      (answer) =>
        withCertificate(answer, {
          signatures: answer.certificate.signatures.map((each) => ({ ...each, signature: flip(each.signature) })),
        }),
    ],
    ["another block's certificate", (answer, previous) => ({ ...answer, certificate: previous.certificate })],
    ["no certificate", (answer) => ({ ...answer, certificate: undefined })],
    ["no proof", (answer) => ({ ...answer, proof: undefined })],
    ["that it is pending", (answer) => ({ id: answer.id, state: "pending" })],
    ["nothing", () => ({})],
    ["nonsense", () => 7],
  ];

  it.each(lies)("%s: is not believed, and an honest node beside it is", async (_name, spoil) => {
    lie = undefined;
    const previous = await recorded(proxyUrl, genesis);
    lie = (json) => spoil(json as Answered, previous);
    const distrusted: Distrust[] = [];
    const code = await codeOf(clientOf([proxyUrl], distrusted).put("target", "value"));
    expect(["verification_failed", "outcome_unknown"]).toContain(code);
    expect(distrusted.length).toBeGreaterThan(0);
    expect(distrusted[0]?.url).toBe(proxyUrl);
    expect(await clientOf([proxyUrl, testnet.node(1).api]).put("target", "value")).toMatchObject({
      version: expect.any(Number) as unknown,
    });
  });

  it("convinces the command line neither", async () => {
    const args = ["--api", proxyUrl, "--home", folder, "--genesis", join(testnet.node(0).home, "genesis.json"), "--json"];
    lie = undefined;
    const honest = await byz(["put", "cli", "value", ...args]);
    expect(honest).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(honest.stdout)).toMatchObject({ key: "cli", version: 1, verified: true });
    expect(JSON.parse((await byz(["get", "cli", ...args])).stdout)).toMatchObject({ value: "value", version: 1, verified: true });
    lie = (json) => ({ ...(json as Answered), results: (json as Answered).results.map(flip) });
    for (const command of [
      ["put", "cli", "other"],
      ["get", "cli"],
      ["del", "cli"],
    ])
      expect(await byz([...command, ...args])).toMatchObject({ status: 6 });
  });
});

describe("a node that lies about certified reads", () => {
  const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
  let older: Read;

  /** Writes until a checkpoint has it. */
  const certify = (key: string, value: string): Promise<Read> =>
    eventually(`${key} is certified`, 60_000, async () => {
      const written = await clientOf([testnet.node(0).api]).put(key, value);
      const { answer } = await clientOf([testnet.node(0).api]).getCertified(key, { atLeast: written.sequence - 8 });
      return "value" in answer && answer.value === value ? (answer as Read) : undefined;
    });

  beforeAll(async () => {
    lie = undefined;
    older = await certify("certified", "first");
    await certify("certified", "second");
  });

  it("is not needed by an honest one: what is there, and what is not", async () => {
    lie = undefined;
    const client = clientOf([proxyUrl]);
    const { entry, asOf } = await client.getCertified("certified");
    expect(text(entry?.value)).toBe("second");
    expect(asOf % 8).toBe(0);
    expect((await client.getCertified("never")).entry).toBeUndefined();
  });

  const certificateOf = (read: Read, change: Partial<ProofJson["checkpoint"]>): unknown => ({
    ...read,
    proof: { ...read.proof, checkpoint: { ...read.proof.checkpoint, ...change } },
  });
  const lies: readonly (readonly [string, (read: Read) => unknown])[] = [
    ["another value", (read) => ({ ...read, value: "third" })],
    ["another version", (read) => ({ ...read, version: read.version + 1 })],
    ["another sequence", (read) => ({ ...read, sequence: read.sequence - 1 })],
    ["a newer position", (read) => ({ ...read, asOf: read.asOf + 8 })],
    ["that there is no such key", ({ key, asOf, consistency, proof }) => ({ key, asOf, consistency, proof })],
    ["an old value under a new checkpoint", (read) => ({ ...older, asOf: read.asOf, proof: read.proof })],
    ["an old path", (read) => ({ ...read, proof: { ...read.proof, path: older.proof.path } })],
    ["another path", (read) => ({ ...read, proof: { ...read.proof, path: flip(read.proof.path) } })],
    ["another state", (read) => certificateOf(read, { stateRoot: flipHex(read.proof.checkpoint.stateRoot) })],
    ["another log", (read) => certificateOf(read, { logHash: flipHex(read.proof.checkpoint.logHash) })],
    ["other validators", (read) => certificateOf(read, { epochRoot: flipHex(read.proof.checkpoint.epochRoot) })],
    ["a checkpoint of too few", (read) => certificateOf(read, { signatures: read.proof.checkpoint.signatures.slice(1) })],
    ["old signatures", (read) => certificateOf(read, { signatures: older.proof.checkpoint.signatures })],
    ["no proof", (read) => ({ ...read, proof: undefined })],
  ];

  it.each(lies)("%s: is not believed", async (_name, spoil) => {
    lie = (json) => spoil(json as Read);
    expect(["verification_failed", "outcome_unknown"]).toContain(await codeOf(clientOf([proxyUrl]).getCertified("certified")));
    expect(await clientOf([proxyUrl, testnet.node(2).api]).getCertified("certified")).toMatchObject({ ok: true });
  });

  it("can hand out old truths only to those who do not ask for newer ones", async () => {
    lie = () => older;
    expect(text((await clientOf([proxyUrl]).getCertified("certified")).entry?.value)).toBe("first");
    expect(await codeOf(clientOf([proxyUrl]).getCertified("certified", { atLeast: older.asOf + 1 }))).toBe("outcome_unknown");
  });

  it("leaves proofs as they are: byz get --prove writes one, byz prove verify checks it offline", async () => {
    lie = undefined;
    const proof = join(folder, "proof.json");
    const genesisFile = join(testnet.node(0).home, "genesis.json");
    const args = ["--api", proxyUrl, "--home", folder, "--genesis", genesisFile];
    expect(await byz(["get", "certified", "--consistency", "certified", "--prove", proof, ...args])).toMatchObject({
      status: 0,
      stdout: "second\n",
    });
    const verify = ["prove", "verify", proof, "--genesis", genesisFile];
    expect(await byz(verify)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^proven: .*certified at version .*\nsecond\n$/) as unknown,
    });
    writeFileSync(proof, readFileSync(proof, "utf8").replace('"second"', '"third"'));
    expect(await byz(verify)).toMatchObject({ status: 6, stderr: expect.stringMatching(/proves nothing/) as unknown });
    lie = (json) => ({ ...(json as Read), value: "third" });
    expect(await byz(["get", "certified", "--consistency", "certified", ...args])).toMatchObject({ status: 6 });
  });
});

describe("over libp2p", () => {
  const open = (...indexes: readonly number[]): { readonly client: Client; readonly distrusted: Distrust[] } => {
    const distrusted: Distrust[] = [];
    const urls = indexes.map((index) => testnet.node(index).p2p);
    return { client: createClient({ genesis, urls, distrusted: (each) => distrusted.push(each) }), distrusted };
  };

  it("a client that knows only peer addresses writes, reads, and is proven all of it", async () => {
    const { client, distrusted } = open(2, 3);
    try {
      const { sequence, version } = await client.put("over/libp2p", "yes");
      expect(version).toBe(1);
      expect(Buffer.from((await client.get("over/libp2p")).value ?? []).toString()).toBe("yes");
      await expect(client.put("over/libp2p", "no", { ifAbsent: true })).rejects.toMatchObject({ code: "version_conflict" });
      const read = await eventually("a checkpoint has it", 60_000, async () => {
        await client.put("over/more", "more");
        const found = await client.getCertified("over/libp2p");
        return found.asOf >= sequence ? found : undefined;
      });
      expect(Buffer.from(read.entry?.value ?? []).toString()).toBe("yes");
      expect((await client.getCertified("over/nothing")).entry).toBeUndefined();
      const list = await client.listCertified({ prefix: "over/lib" });
      expect(list.items.map(({ key, value }) => [key, value].map((each) => Buffer.from(each).toString()))).toEqual([
        ["over/libp2p", "yes"],
      ]);
      // longer than a silent peer would be borne with
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await Promise.all(Array.from({ length: 8 }, (_, index) => client.put(`over/${index}`, "at once")));
      expect(distrusted).toEqual([]);
    } finally {
      await client.close();
    }
  });

  it("a node that lies there is noticed, and one that is gone is passed over", async () => {
    await testnet.byzantine(1, "lie-to-clients");
    const { client, distrusted } = open(1, 2);
    try {
      for (let turn = 0; turn < 4; turn += 1) await client.put(`over/lie/${turn}`, "true");
      expect(Buffer.from((await client.get("over/lie/3")).value ?? []).toString()).toBe("true");
      expect(distrusted.length).toBeGreaterThan(0);
      for (const { url } of distrusted) expect(url).toBe(testnet.node(1).p2p);
    } finally {
      await client.close();
      await testnet.byzantine(1, "honest");
    }
    await testnet.kill(3);
    const other = open(3, 0);
    try {
      expect(await other.client.put("over/dead", "true")).toMatchObject({ version: 1 });
    } finally {
      await other.client.close();
    }
    const dead = open(3);
    await expect(dead.client.getCertified("over/dead")).rejects.toMatchObject({ code: "no_node" });
    await dead.client.close();
    await testnet.restart(3);
    const misspelt = createClient({ genesis, urls: ["/ip4/127.0.0.1/tcp/1"] });
    await expect(misspelt.getCertified("x")).rejects.toMatchObject({ code: "invalid_request" });
  });
});
