/** Signed requests on their way from a client of this node into the order and back (PROTOCOL §3.1, §3.6, §9). */
import { decodeAnswers, type Answer, type Outcome as Executed } from "../../ledger/answers.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Digest, Sequence } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { CommitCertificate, Request, Verified } from "../../protocol/messages.ts";
import type { RejectionReason } from "../../protocol/rejections.ts";
import type { Verifier } from "../../signing/verifier.ts";
import { decodeRequest } from "../../wire/requests.ts";
import { failureOfRejection, failureOfVerdict, type RequestVerdict } from "./failures.ts";
import { maxUnwritten } from "../pipeline/execution.ts";
import type { History } from "../data/history.ts";
import { done, failed, type Failure, type Outcome, type RequestReport } from "../service.ts";
import type { Waiting } from "./waiting.ts";

export interface Submission {
  /** settles once it is executed here, or has failed */
  submit(bytes: Uint8Array, settle: (outcome: Outcome<RequestReport>) => void): void;
  state(id: Digest): RequestReport;
  executed(answer: Answer, sequence: Sequence, index: number, certificate: CommitCertificate): void;
  refused(id: Digest, reason: RejectionReason): void;
}

export interface SubmissionOptions {
  readonly ledger: Ledger;
  readonly history: History;
  readonly verifier: Pick<Verifier, "verifyRequests">;
  readonly waiting: Waiting;
  readonly unavailable: () => Failure | undefined;
  readonly order: (request: Verified<Request>) => void;
  readonly wall: () => number;
}

/** What the ledger made of a request, in the words of the interface. */
export const verdictOf = (outcome: Executed): RequestVerdict => (outcome.status === "refused" ? outcome.reason : outcome.status);

export const createSubmission = (options: SubmissionOptions): Submission => {
  const { ledger, history, verifier, waiting } = options;

  /** The first answer, where it is still kept; a request may have been repeated under the same number with other content. */
  const report = (id: Digest, sequence: Sequence, index: number): RequestReport | undefined => {
    const results = history.results(sequence);
    const answer = results === undefined ? undefined : decodeAnswers(results)?.[index];
    const certificate = history.header(sequence)?.certificate;
    if (answer === undefined || answer.id !== id || answer.outcome.status !== "executed" || certificate === undefined) return undefined;
    return { id, state: "committed", sequence, index, results: answer.results, certificate };
  };

  /** It ran a moment ago and is not durable yet: `executed` comes when it is. */
  const isBeingWritten = (sequence: Sequence): boolean =>
    sequence > ledger.position().sequence - maxUnwritten && history.header(sequence) === undefined;

  const earlier = (id: Digest, sequence: Sequence, index: number): Outcome<RequestReport> => {
    const first = report(id, sequence, index);
    if (first !== undefined) return done(first);
    return failed(failureOfVerdict("duplicate", id));
  };

  /** Settles, now or soon, what needs no ordering: it ran, or never can. */
  const settleKnown = (request: Request, settle: (outcome: Outcome<RequestReport>) => void): boolean => {
    // while the state is fetched from others nobody knows, and nothing is ordered through this node
    if (ledger.incomplete) return false;
    const known = ledger.lookup(request.client, request.sequence, options.wall());
    if (known.status === "new") return false;
    if (known.status === "refused") settle(failed(failureOfVerdict(known.reason, request.id, ledger.lastNumber(request.client))));
    else if (isBeingWritten(known.sequence)) waiting.wait(request.id, settle);
    else settle(earlier(request.id, known.sequence, known.index));
    return true;
  };

  const order = (request: Request, settle: (outcome: Outcome<RequestReport>) => void): void => {
    const failure = options.unavailable();
    if (failure !== undefined) return settle(failed(failure));
    verifier.verifyRequests([request], ([verified]) => {
      if (verified === undefined) {
        return settle(
          failed({ code: "invalid_request", message: "the request's signature is not its client's", details: { requestId: request.id } }),
        );
      }
      // sent through another node as well, it may have run in the meantime
      if (settleKnown(request, settle)) return;
      waiting.wait(request.id, settle);
      options.order(verified);
    });
  };

  return {
    submit(bytes, settle) {
      if (bytes.length > limits.maxRequestBytes) {
        return settle(failed({ code: "too_large", message: `a request has at most ${limits.maxRequestBytes} bytes` }));
      }
      const decoded = decodeRequest(bytes);
      if (!decoded.ok) {
        const { reason, field } = decoded.error;
        return settle(failed({ code: "invalid_request", message: `the request is malformed: ${reason} at ${field}`, details: { reason } }));
      }
      const request = decoded.value;
      if (settleKnown(request, settle)) return;
      order(request, settle);
    },
    state(id) {
      const place = history.place(id);
      const known = place === undefined ? undefined : report(id, place.sequence, place.index);
      return known ?? { id, state: waiting.has(id) ? "pending" : "unknown" };
    },
    executed(answer, sequence, index, certificate) {
      const { id, outcome, results } = answer;
      if (!waiting.has(id)) return;
      if (outcome.status === "executed") return waiting.settle(id, done({ id, state: "committed", sequence, index, results, certificate }));
      if (outcome.status === "duplicate") return waiting.settle(id, earlier(id, outcome.sequence, outcome.index));
      waiting.settle(id, failed(failureOfVerdict(outcome.reason, id)));
    },
    refused(id, reason) {
      // it is on its way, or has just run: the answer comes with its execution
      if (reason === "already-pending" || reason === "already-executed") return;
      waiting.settle(id, failed(failureOfRejection(reason, id)));
    },
  };
};
