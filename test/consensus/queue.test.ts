/** The order of requests that wait: whoever came first is first, whatever left or came back in between. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createQueue } from "../../src/consensus/queue.ts";

const change = fc.record({ key: fc.nat(5), look: fc.boolean() });

test("the first is the one that came first of those that are there, also when one comes again", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const queue = createQueue<number, string>();
      let model: number[] = [];
      for (const { key, look } of changes) {
        const known = model.includes(key);
        if (known) expect(queue.remove(key)).toBe(true);
        else queue.add(key, `value ${key}`);
        model = known ? model.filter((each) => each !== key) : [...model, key];
        if (look) expect(queue.first()).toBe(model[0] === undefined ? undefined : `value ${model[0]}`);
        expect([...queue.entries.keys()]).toEqual(model);
      }
    }),
  );
});

test("what is not there can not be taken out, and changes nothing", () => {
  const queue = createQueue<string, number>();
  queue.add("a", 1);
  expect(queue.remove("b")).toBe(false);
  expect(queue.first()).toBe(1);
});
