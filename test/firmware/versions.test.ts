import { describe, expect, it } from "vitest";
import { Problem } from "../../src/errors.ts";
import { bcdDevice, chooseVersion, imageName, releaseInfo } from "../../src/firmware/versions.ts";
import { versions } from "../support/documents.ts";

function refusal(rows: typeof versions, name: string, family: string): Problem {
  try {
    chooseVersion(rows, name, family);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("a version was chosen");
}

describe("choosing a version", () => {
  it("takes the one asked for where it builds the board", () => {
    const chosen = chooseVersion(versions, "lts", "kiibohd");
    expect(chosen).toMatchObject({ name: "lts", dialect: "current" });
    expect(imageName(chosen)).toBe("kiisrv-controller-050");
  });

  it.for(["latest", "lts", "v0.4", "demo"])("builds the demo with its own version, asked for %s", (name) => {
    expect(chooseVersion(versions, name, "demo").name).toBe("demo");
  });

  it.for(["", "LATEST", "__proto__", "v0.5.9"])("refuses %j and lists the valid ones", (name) => {
    const { code, complaints } = refusal(versions, name, "demo");
    expect(code).toBe("unknown-version");
    expect(complaints).toEqual([{ path: "env", message: "must be one of demo, latest, lts, v0.4" }]);
  });

  it("refuses the demo's version for other boards and lists theirs", () => {
    const { code, complaints } = refusal(versions, "demo", "kiibohd");
    expect({ code, path: complaints[0]?.path }).toEqual({ code: "unknown-version", path: "env" });
    expect(complaints[0]?.message).toMatch(/: latest, lts, v0\.4$/);
    const demoOnly = versions.filter(({ family }) => family === "demo");
    expect(refusal(demoOnly, "demo", "kiibohd").message).toMatch(/: none$/);
  });

  it("does not repeat a long name", () => {
    expect(refusal(versions, "x".repeat(1e6), "demo").message.length).toBeLessThan(200);
  });
});

describe("the facts of a release", () => {
  const known = {
    commits: 1291,
    hash: "abc",
    date: "2019-01-02 03:04:05 -0700",
    notes: "https://example.org/notes",
  };
  const commit = "kiisrv.release.commit";

  it("come from the table", () => {
    const { hash, date, notes } = known;
    expect(releaseInfo({}, known)).toEqual({ commit: 1291, hash, date, notes, bcd: "5.11" });
  });

  it("come from the image where it has them", () => {
    const labels = { [commit]: "7", "kiisrv.release.hash": "def", "kiisrv.release.date": "" };
    expect(releaseInfo(labels, known)).toMatchObject({
      commit: 7,
      hash: "def",
      date: known.date,
      bcd: "0.7",
    });
    expect(releaseInfo({ [commit]: "0" }, undefined)).toMatchObject({ commit: 0, hash: "", bcd: "0.0" });
  });

  it("are null where nobody knows them", () => {
    for (const text of ["", "many", "-1", "1.5"])
      expect(releaseInfo({ [commit]: text }, undefined)).toBeNull();
  });

  it.for([
    [0, "0.0"],
    [99, "0.99"],
    [100, "0.64"],
    [255, "0.ff"],
    [256, "1.0"],
    [1291, "5.11"],
    [25_700, "64.64"],
    [65_535, "ff.ff"],
  ] as const)("hold bcd: %d commits are %s", ([count, bcd]) => expect(bcdDevice(count)).toBe(bcd));
});
