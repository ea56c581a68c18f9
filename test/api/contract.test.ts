/** The client's types, the server's schemas and the service's reports are written apart; here they are held equal. */
import { readFileSync } from "node:fs";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import { apiRoutes } from "../../src/api/create-api.ts";
import { statusByCode } from "../../src/api/problem.ts";
import type * as evidence from "../../src/api/schemas/evidence.ts";
import type * as operate from "../../src/api/schemas/operate.ts";
import type * as schemas from "../../src/api/schemas/common.ts";
import { ClientError, type ClientErrorCode } from "../../src/client/errors.ts";
import type * as client from "../../src/client/answers.ts";
import type { PartitionAnswer } from "../../src/client/partition-answers.ts";
import type { EvidenceAnswer, ExplainAnswer } from "../../src/client/operate-answers.ts";
import type { ExplainReport } from "../../src/node/feeds.ts";
import type { ReadyReport } from "../../src/node/ready-report.ts";
import type { PeerReport, StatusReport, ValidatorReport } from "../../src/node/service.ts";
import type { EvidenceReport } from "../../src/node/observe/evidence-report.ts";
import type { PartitionReport } from "../../src/node/partition-report.ts";
import { createFakeService } from "./fake-service.ts";

/** Without `readonly`, and with an optional member as one that may also be undefined, as schemas infer them. */
type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { -readonly [Name in keyof T]: undefined extends T[Name] ? Plain<Exclude<T[Name], undefined>> | undefined : Plain<T[Name]> }
    : T;
type Answer<S extends z.ZodType> = Plain<z.output<S>>;

describe("the interface", () => {
  it("has one shape on both sides", () => {
    expectTypeOf<Answer<typeof schemas.putAnswer>>().toEqualTypeOf<Plain<client.PutAnswer>>();
    expectTypeOf<Answer<typeof schemas.deleteAnswer>>().toEqualTypeOf<Plain<client.DeleteAnswer>>();
    expectTypeOf<Answer<typeof schemas.getAnswer>>().toEqualTypeOf<Plain<client.GetAnswer>>();
    expectTypeOf<Answer<typeof schemas.stateAnswer>>().toEqualTypeOf<Plain<client.StateAnswer>>();
    expectTypeOf<Answer<typeof schemas.listAnswer>>().toEqualTypeOf<Plain<client.ListAnswer>>();
    expectTypeOf<Answer<typeof schemas.txnAnswer>>().toEqualTypeOf<Plain<client.TxnAnswer>>();
    expectTypeOf<Answer<typeof schemas.statusAnswer>>().toEqualTypeOf<Plain<client.StatusAnswer>>();
    expectTypeOf<Answer<typeof schemas.statusAnswer>>().toEqualTypeOf<Plain<StatusReport>>();
    expectTypeOf<Answer<typeof schemas.validatorsAnswer>>().toEqualTypeOf<Plain<readonly client.ValidatorAnswer[]>>();
    expectTypeOf<Answer<typeof schemas.validatorsAnswer>>().toEqualTypeOf<Plain<readonly ValidatorReport[]>>();
    expectTypeOf<Answer<typeof schemas.peersAnswer>>().toEqualTypeOf<Plain<readonly client.PeerAnswer[]>>();
    expectTypeOf<Answer<typeof schemas.peersAnswer>>().toEqualTypeOf<Plain<readonly PeerReport[]>>();
    expectTypeOf<Answer<typeof schemas.partitionsAnswer>>().toEqualTypeOf<Plain<readonly PartitionAnswer[]>>();
    expectTypeOf<Answer<typeof schemas.partitionsAnswer>>().toEqualTypeOf<Plain<readonly PartitionReport[]>>();
    expectTypeOf<Answer<typeof evidence.evidenceAnswer>>().toEqualTypeOf<Plain<EvidenceAnswer>>();
    expectTypeOf<Answer<typeof evidence.evidenceAnswer>>().toEqualTypeOf<Plain<EvidenceReport>>();
    expectTypeOf<Answer<typeof schemas.readyAnswer>>().toEqualTypeOf<Plain<client.ReadyAnswer>>();
    expectTypeOf<Answer<typeof schemas.readyAnswer>>().toEqualTypeOf<Plain<ReadyReport>>();
    expectTypeOf<Answer<typeof operate.explainAnswer>>().toEqualTypeOf<Plain<ExplainAnswer>>();
    expectTypeOf<Answer<typeof operate.explainAnswer>>().toEqualTypeOf<Plain<ExplainReport>>();
    // unions of operations and results differ in how they are written, not in what they admit
    expectTypeOf<Plain<client.RequestAnswer>>().toExtend<Answer<typeof schemas.requestAnswer>>();
    expectTypeOf<Answer<typeof schemas.requestAnswer>>().toExtend<Plain<client.RequestAnswer>>();
    expectTypeOf<Plain<client.BlockAnswer>>().toExtend<Answer<typeof schemas.blockAnswer>>();
    expectTypeOf<Plain<client.TxnRequest>>().toExtend<Plain<z.input<typeof schemas.txnBody>>>();
  });

  it("knows every code on both sides", () => {
    for (const code of Object.keys(statusByCode)) {
      expect([code, new ClientError({ code: code as ClientErrorCode, message: "" }).exitCode]).toEqual([code, expect.any(Number)]);
    }
  });

  it("is documented: every route, method and code", () => {
    const page = readFileSync(new URL("../../docs/http.md", import.meta.url), "utf8");
    const codec = { decodeOperation: () => undefined, decodeResult: () => undefined };
    for (const { path, operations } of [...apiRoutes(createFakeService(), codec), ...apiRoutes(createFakeService(), undefined)]) {
      for (const method of Object.keys(operations)) expect(page).toContain(`${method} ${path.replace("*}", "}")}`);
    }
    for (const [code, status] of Object.entries(statusByCode)) expect(page).toContain(`| \`${code}\` | ${status} |`);
  });
});
