import { describe, expect, it } from "vitest";
import { createExecution } from "../../../src/node/pipeline/execution.ts";
import type { Failure, Outcome, RequestReport } from "../../../src/node/service.ts";
import { createSubmission, type Submission } from "../../../src/node/desk/submission.ts";
import { createWaiting } from "../../../src/node/desk/waiting.ts";
import type { Request } from "../../../src/protocol/messages.ts";
import { limits } from "../../../src/protocol/limits.ts";
import { baseTime, blockAt, createRig, network, putRequest, type Block, type Rig } from "../support.ts";

interface Desk {
  readonly rig: Rig;
  readonly submission: Submission;
  readonly ordered: Request[];
  unavailable: Failure | undefined;
  /** executes a block; durable only after `rig.disk.finish()` */
  run(block: Block): void;
  submit(bytes: Uint8Array): { outcome: Outcome<RequestReport> | undefined };
  /** does the verifications that were asked for */
  verified(): Promise<void>;
}

const createDesk = async (): Promise<Desk> => {
  const rig = await createRig();
  const waiting = createWaiting({ now: () => 0, timeoutMs: 1000, graceWithoutQuorumMs: 100, maxWaiting: 8 });
  const ordered: Request[] = [];
  const verifier = network.verifier();
  /** verifications that wait for `verified` */
  const held: ((resolve: () => void) => void)[] = [];
  const desk: { unavailable: Failure | undefined } = { unavailable: undefined };
  const submission = createSubmission({
    ledger: rig.ledger,
    history: rig.history,
    verifier: {
      verifyRequests: (requests, done) =>
        void held.push((resolve) =>
          verifier.verifyRequests(requests, (verdicts) => {
            done(verdicts);
            resolve();
          }),
        ),
    },
    waiting,
    unavailable: () => desk.unavailable,
    order: (request) => void ordered.push(request),
    wall: () => baseTime,
  });
  const execution = createExecution(
    {
      ledger: rig.ledger,
      keeping: rig.keeping,
      executed: ({ sequence, answers, certificate }) =>
        answers.forEach((answer, index) => submission.executed(answer, sequence, index, certificate)),
      stabilised: () => undefined,
    },
    rig.journal,
  );
  return Object.assign(desk, {
    rig,
    submission,
    ordered,
    run({ certificate, batch }: Block) {
      execution.run(certificate, batch, () => undefined);
      rig.journal.flush();
    },
    submit(bytes: Uint8Array) {
      const result: { outcome: Outcome<RequestReport> | undefined } = { outcome: undefined };
      submission.submit(bytes, (outcome) => (result.outcome = outcome));
      return result;
    },
    async verified() {
      for (const begin of held.splice(0)) await new Promise<void>((resolve) => begin(resolve));
    },
  });
};

const code = ({ outcome }: { outcome: Outcome<RequestReport> | undefined }): string | undefined =>
  outcome === undefined ? undefined : outcome.ok ? "ok" : outcome.failure.code;

describe("a signed request", () => {
  it("is ordered once verified, and answered once it is durable, to all who sent it", async () => {
    const desk = await createDesk();
    const request = putRequest(1);
    const [first, second] = [desk.submit(request.bytes), desk.submit(request.bytes)];
    await desk.verified();
    expect(desk.ordered.map(({ id }) => id)).toContain(request.id);
    expect(desk.submission.state(request.id)).toMatchObject({ state: "pending" });
    desk.run(blockAt(1, [request]));
    expect(code(first)).toBeUndefined();
    desk.rig.disk.finish();
    for (const sent of [first, second])
      expect(sent.outcome).toMatchObject({ ok: true, value: { id: request.id, state: "committed", sequence: 1 } });
    expect(desk.submission.state(request.id)).toMatchObject({ state: "committed", sequence: 1, index: 0 });
  });

  it("that ran before gets its first answer, and is not ordered again", async () => {
    const desk = await createDesk();
    const request = putRequest(1);
    desk.run(blockAt(1, [request]));
    desk.rig.disk.finish();
    const again = desk.submit(request.bytes);
    expect(again.outcome).toMatchObject({ ok: true, value: { state: "committed", sequence: 1 } });
    expect(desk.ordered).toEqual([]);
  });

  it("that ran a moment ago is answered when that is durable", async () => {
    const desk = await createDesk();
    const request = putRequest(1);
    desk.run(blockAt(1, [request]));
    const sent = desk.submit(request.bytes);
    expect(code(sent)).toBeUndefined();
    desk.rig.disk.finish();
    expect(sent.outcome).toMatchObject({ ok: true, value: { state: "committed", sequence: 1 } });
  });

  it("that ran while its signature was checked is answered all the same", async () => {
    const desk = await createDesk();
    const request = putRequest(1);
    const sent = desk.submit(request.bytes);
    desk.run(blockAt(1, [request]));
    desk.rig.disk.finish();
    await desk.verified();
    expect(sent.outcome).toMatchObject({ ok: true, value: { state: "committed", sequence: 1 } });
  });

  it("is refused at once when it is malformed, too large, forged, or nothing can be ordered", async () => {
    const desk = await createDesk();
    const request = putRequest(1);
    expect(code(desk.submit(new Uint8Array(10)))).toBe("invalid_request");
    expect(code(desk.submit(new Uint8Array(limits.maxRequestBytes + 1)))).toBe("too_large");
    const forged = Uint8Array.from(request.bytes);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const sent = desk.submit(forged);
    await desk.verified();
    expect(code(sent)).toBe("invalid_request");
    desk.unavailable = { code: "no_quorum", message: "no" };
    expect(code(desk.submit(request.bytes))).toBe("no_quorum");
    expect(desk.ordered).toEqual([]);
    expect(desk.submission.state(request.id)).toMatchObject({ state: "unknown" });
  });

  it("that the replica refuses to pool fails; one that it knows already waits on", async () => {
    const desk = await createDesk();
    const [full, known] = [putRequest(1), putRequest(2)];
    const [first, second] = [desk.submit(full.bytes), desk.submit(known.bytes)];
    await desk.verified();
    desk.submission.refused(full.id, "pool-full");
    desk.submission.refused(known.id, "already-pending");
    expect(code(first)).toBe("overloaded");
    expect(code(second)).toBeUndefined();
  });
});
