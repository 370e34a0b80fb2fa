import { imageName } from "../../firmware/versions.ts";
import { contractLabel } from "../../runner/images.ts";
import type { InspectedImage } from "../../runner/survey.ts";
import { type Check, check, fail, ok, skip, warn } from "../check.ts";
import { abridge, shellWord, shellWords } from "../text.ts";

const contracts = ["files", "zip"];

/** Docker's names of an architecture, by that of the machine. */
const architectures: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

export const images: Check[] = [
  check({
    id: "images.present",
    title: "there is a toolchain image",
    why: "Firmware is built by the images kiisrv-controller-*; without one there is nothing to build with, and /versions is {}.",
    needs: ["images"],
    judge({ images: there }) {
      if (there.length === 0) return fail("none is", install([]));
      return ok(
        there.map(({ name, digest }) => `${name} ${digest.replace("sha256:", "").slice(0, 12)}`).join(", "),
      );
    },
  }),
  check({
    id: "images.versions",
    title: "every version has its image",
    why: "A version without an image is not offered; who asks for it is told that its image is missing.",
    needs: ["images", "databases"],
    judge({ images: there, databases: { versions } }) {
      if (versions.length === 0)
        return skip("there is no table of versions yet: the server makes it at its first start");
      const has = (image: string) => there.some(({ name }) => name === image);
      const missing = versions.filter((version) => !has(imageName(version)));
      if (missing.length === 0) return ok(`${versions.length} versions, all with an image`);
      const found = missing.map((version) => `${version.name} (${imageName(version)})`);
      return warn(`without: ${abridge(found, 10)}`, install([...new Set(missing.map(imageName))]));
    },
  }),
  check({
    id: "images.contract",
    title: "every image follows a contract that this server knows",
    why: "By it the server knows how an image hands over its outputs; with another one, every build would fail.",
    needs: ["images"],
    judge({ images: there }) {
      const unknown = there.filter(({ labels }) => !contracts.includes(labels[contractLabel] ?? "zip"));
      if (unknown.length === 0)
        return ok(
          there.map(({ name, labels }) => `${name}: ${labels[contractLabel] ?? "zip"}`).join(", ") ||
            "no images",
        );
      const found = unknown.map(({ name, labels }) => `${name} (${contractLabel}=${labels[contractLabel]})`);
      return fail(found.join(", "), replace(unknown));
    },
  }),
  check({
    id: "images.platform",
    title: "every image is made for the daemon's machine",
    why: "An image of another architecture starts with 'exec format error', or runs emulated and ten times slower.",
    needs: ["images", "daemon"],
    judge({ images: there, daemon }) {
      const wanted = architectures[daemon.architecture] ?? daemon.architecture;
      const foreign = there.filter(({ architecture, os }) => architecture !== wanted || os !== daemon.os);
      if (foreign.length === 0) return ok(`${daemon.os}/${wanted}`);
      const found = foreign.map(({ name, os, architecture }) => `${name} is ${os}/${architecture}`);
      return fail(`${abridge(found)}; the daemon ${daemon.os}/${wanted}`, replace(foreign));
    },
  }),
  check({
    id: "images.family",
    title: "every version's image builds the version's boards",
    why: "An image of another family has no script for them: every build would fail.",
    needs: ["images", "databases", "configuration"],
    judge({ images: there, databases: { versions }, configuration: { settings } }) {
      const mixed = versions.flatMap((version) => {
        const label = there.find(({ name }) => name === imageName(version))?.labels["kiisrv.family"];
        return label === undefined || label === version.family ? [] : [{ version, label }];
      });
      if (mixed.length === 0) return ok("no contradiction");
      const found = mixed.map(
        ({ version, label }) => `${version.name} is of ${version.family}, ${imageName(version)} of ${label}`,
      );
      const file = shellWord(`${settings.data}/config.db`);
      const mends = mixed.map(({ version, label }) => {
        const statement = `UPDATE Versions SET family = '${label}' WHERE name = '${version.name}'`;
        return `sqlite3 ${file} ${shellWord(statement)}`;
      });
      return fail(
        found.join("; "),
        `give the versions their right images (docker tag), or:\n${mends.join("\n")}`,
      );
    },
  }),
  check({
    id: "images.server",
    title: "the server runs the image that is installed",
    why: "A new image has no effect until the container is made anew: the old program goes on running.",
    needs: ["self"],
    judge({ self: { image } }) {
      if (image === null) return skip("not in a container of this daemon");
      const short = (id: string) => id.replace("sha256:", "").slice(0, 12);
      if (image.installed === null || image.installed === image.running)
        return ok(`${image.name} ${short(image.running)}`);
      return warn(
        `this container runs ${short(image.running)}; ${image.name} is now ${short(image.installed)}`,
        "docker compose -f compose.prod.yaml up -d",
      );
    },
  }),
];

function install(names: readonly string[]): string {
  const versions = names
    .map((name) => name.replace("kiisrv-controller-", ""))
    .filter((name) => /^\d{3}$/.test(name));
  const lines = [
    ...(names.length === 0 || names.includes("kiisrv-controller-demo") ? ["make setup"] : []),
    ...(versions.length > 0 ? [`make images VERSIONS="${versions.join(" ")}"`] : []),
    "or carry them in: docker load --input FILE",
  ];
  return lines.join("\n");
}

function replace(wrong: readonly InspectedImage[]): string {
  const names = wrong.map(({ name }) => name);
  return `docker image rm ${shellWords(names)}` + `\nthen, if a version needs it: ${install(names)}`;
}
