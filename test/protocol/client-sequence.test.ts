import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeNumber, recordNumber, type Session } from "../../src/ledger/sessions.ts";
import { createClientSequence } from "../../src/protocol/client-sequence.ts";

describe("a client's numbers", () => {
  it("are always new to the ledger's session, in whatever order requests execute", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.record({ execute: fc.boolean(), pick: fc.nat(100), milliseconds: fc.integer({ min: -5, max: 20 }) }), {
          maxLength: 200,
        }),
        (window, steps) => {
          const numbers = createClientSequence({ window });
          const outstanding: number[] = [];
          let session: Session | undefined;
          let wall = 1_700_000_000_000;
          let place = 0;
          for (const { execute, pick, milliseconds } of steps) {
            wall += milliseconds;
            const number = execute ? undefined : numbers.next(wall);
            if (number !== undefined) outstanding.push(number);
            if (!execute || outstanding.length === 0) continue;
            const [next] = outstanding.splice(pick % outstanding.length, 1) as [number];
            expect(judgeNumber(session, next, 0, Number.MAX_SAFE_INTEGER)).toBeUndefined();
            place += 1;
            session = recordNumber(session, next, { sequence: place, index: 0 }, { window, floor: 0 });
            numbers.settle(next);
          }
        },
      ),
    );
  });

  it("are given out up to a window, and again once the oldest is settled", () => {
    const numbers = createClientSequence({ window: 3 });
    const [first] = [numbers.next(1), numbers.next(1), numbers.next(1)];
    expect(numbers.next(1)).toBeUndefined();
    numbers.settle(first as number);
    expect(numbers.next(1)).toBe(1027);
    expect(numbers.last).toBe(1027);
  });
});
