/** What the interface is where another application than the key-value store runs. */
import { describe, expect, it } from "vitest";
import * as schemas from "../../src/api/schemas/common.ts";
import { startForOtherApplication } from "./harness.ts";

const put = { type: "put", key: Buffer.from("length"), value: Buffer.from("3") } as const;

describe("the state of another application", () => {
  it("is read by its own keys, at the consistency that was asked for", async () => {
    const { url, service } = await startForOtherApplication();
    await service.submitOperations([put]);
    const answer = schemas.stateAnswer.parse(await (await fetch(`${url}/v1/state/length`)).json());
    expect(answer).toMatchObject({ key: "length", value: "3", encoding: "utf8", consistency: "linearizable" });
    expect(service.barriers).toBe(1);
    expect(await (await fetch(`${url}/v1/state/length?raw=1&consistency=local`)).text()).toBe("3");
    const certified = schemas.stateAnswer.parse(await (await fetch(`${url}/v1/state/length?consistency=certified`)).json());
    expect(certified.proof?.path).toBe("AQID");
    expect(service.barriers).toBe(1);
  });

  it("has absences, with their proof, and bounds", async () => {
    const { url } = await startForOtherApplication();
    const absent = await fetch(`${url}/v1/state/a/b%00?consistency=certified`);
    expect([absent.status, await absent.json()]).toMatchObject([404, { code: "not_found", key: "a/b\u0000", proof: { path: "AQID" } }]);
    expect((await fetch(`${url}/v1/state/${"k".repeat(4097)}`)).status).toBe(413);
  });

  it("takes the place of the key-value routes", async () => {
    const { url } = await startForOtherApplication();
    for (const path of ["/v1/kv", "/v1/kv/length", "/v1/watch"]) expect([path, (await fetch(url + path)).status]).toEqual([path, 404]);
    expect(Object.keys(((await (await fetch(`${url}/openapi.json`)).json()) as { paths: object }).paths)).toContain("/v1/state/{key}");
  });
});
