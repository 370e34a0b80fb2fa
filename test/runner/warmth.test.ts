import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Kind, Warmth } from "../../src/runner/warmth.ts";

function kind(name: string, digest = `sha256:${name}`, limits = "usual"): Kind {
  return { key: `${digest} ${limits}`, image: { name, digest } };
}

const minute = 60_000;

function warmth({ size = 1, idleMilliseconds = 15 * minute } = {}) {
  return new Warmth<Kind>({ size, idleMilliseconds });
}

function names(of: Warmth<Kind>, now: number): string[] {
  return of.wanted(now).map(({ kind: { image } }) => image.name);
}

test("nothing is wanted before anything was used", () => {
  expect(warmth().wanted(0)).toEqual([]);
  expect(warmth().untilIdle(0)).toBeUndefined();
});

test("as many as configured are wanted of each kind used, the most recent first", () => {
  const two = warmth({ size: 2 });
  const [a, b] = [kind("a"), kind("b")];
  two.use(a, 0);
  two.use(b, 1);
  expect(two.wanted(2)).toEqual([
    { kind: b, count: 2 },
    { kind: a, count: 2 },
  ]);
  two.use(a, 3);
  expect(names(two, 4)).toEqual(["a", "b"]);
});

test("the same image under other limits is another kind", () => {
  const one = warmth();
  one.use(kind("a"), 0);
  one.use(kind("a", "sha256:a", "generous"), 0);
  expect(one.wanted(0)).toHaveLength(2);
});

describe("a kind is given up", () => {
  test("when it has been idle for too long, and no earlier", () => {
    const one = warmth({ idleMilliseconds: 10 * minute });
    one.use(kind("a"), 0);
    one.use(kind("b"), 4 * minute);
    expect(one.untilIdle(5 * minute)).toBe(5 * minute);
    expect(names(one, 10 * minute - 1)).toEqual(["b", "a"]);
    expect(names(one, 10 * minute)).toEqual(["b"]);
    expect(one.untilIdle(10 * minute)).toBe(4 * minute);
    expect(names(one, 14 * minute)).toEqual([]);
    expect(one.untilIdle(14 * minute)).toBeUndefined();
  });

  test("when four others were used since", () => {
    const one = warmth();
    for (const [at, name] of ["a", "b", "c", "d", "a", "e"].entries()) one.use(kind(name), at);
    expect(names(one, 6)).toEqual(["e", "a", "d", "c"]);
  });

  test("when another image has taken its name", () => {
    const one = warmth();
    one.use(kind("a", "sha256:old"), 0);
    one.use(kind("a", "sha256:old", "generous"), 0);
    one.use(kind("b"), 0);
    one.use(kind("a", "sha256:new"), 1);
    expect(one.wanted(1).map(({ kind: { image } }) => image.digest)).toEqual(["sha256:new", "sha256:b"]);
  });

  test("when it is said so, until it is used again", () => {
    const one = warmth();
    one.use(kind("a"), 0);
    one.forget(kind("a"));
    expect(names(one, 0)).toEqual([]);
    one.use(kind("a"), 1);
    expect(names(one, 1)).toEqual(["a"]);
  });
});

describe("an image whose containers end while they wait", () => {
  test("is given up at the third in a row, under all limits, and said so once", () => {
    const one = warmth();
    const generous = kind("a", "sha256:a", "generous");
    one.use(kind("a"), 0);
    one.use(generous, 0);
    one.use(kind("b"), 0);
    expect([one.died(kind("a")), one.died(generous)]).toEqual([false, false]);
    expect(names(one, 0)).toEqual(["b", "a", "a"]);
    expect([one.died(kind("a")), one.died(kind("a"))]).toEqual([true, false]);
    expect(names(one, 0)).toEqual(["b"]);
    one.use(kind("a"), 1);
    expect(names(one, 1)).toEqual(["b"]);
  });

  test("is not given up as long as some of them serve", () => {
    const one = warmth();
    one.use(kind("a"), 0);
    for (let round = 0; round < 5; round++) {
      expect([one.died(kind("a")), one.died(kind("a"))]).toEqual([false, false]);
      one.served(kind("a"));
    }
    expect(names(one, 0)).toEqual(["a"]);
  });

  test("gets another chance when it was built anew", () => {
    const one = warmth();
    one.use(kind("a", "sha256:bad"), 0);
    for (let death = 0; death < 3; death++) one.died(kind("a", "sha256:bad"));
    one.use(kind("a", "sha256:good"), 1);
    expect(names(one, 1)).toEqual(["a"]);
  });
});

test("whatever happens, no more than four kinds are wanted, each once, recently used and alive", () => {
  const letter = fc.constantFrom("a", "b", "c", "d", "e", "f");
  const event = fc.record({
    after: fc.nat(5 * minute),
    name: letter,
    digest: fc.constantFrom("1", "2"),
    what: fc.constantFrom("use", "died", "served", "forget"),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.nat(2), (events, size) => {
      const one = warmth({ size });
      const lastUse = new Map<string, number>();
      let now = 0;
      for (const { after, name, digest, what } of events) {
        now += after;
        const of = kind(name, `sha256:${name}${digest}`);
        if (what === "use") one.use(of, now);
        else if (what === "died") one.died(of);
        else if (what === "served") one.served(of);
        else one.forget(of);
        if (what === "use") lastUse.set(of.key, now);
        const wanted = one.wanted(now);
        expect(wanted.length).toBeLessThanOrEqual(4);
        expect(new Set(wanted.map(({ kind: { image } }) => image.name)).size).toBe(wanted.length);
        for (const { kind: one, count } of wanted) {
          expect(count).toBe(size);
          expect(now - (lastUse.get(one.key) ?? Number.NEGATIVE_INFINITY)).toBeLessThan(15 * minute);
        }
      }
    }),
  );
});
