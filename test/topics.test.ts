/** The pages of docs/topics: their commands run at a tiny size, print what the pages quote, and leave the picture shown. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const folder = "docs/topics";
const names = readdirSync(folder).flatMap((file) => /^([a-z-]+)\.md$/.exec(file)?.[1] ?? []);
const pageOf = (name: string): string => readFileSync(join(folder, `${name}.md`), "utf8");

/** The one fenced block of a kind. */
function block(markdown: string, kind: string): string {
  const found = [...markdown.matchAll(new RegExp(`^\`{3}${kind}\\n([\\s\\S]*?)^\`{3}`, "gm"))];
  expect(found.length, `one block "${kind}"`).toBe(1);
  return found[0]![1]!;
}

const figure = /-?\d[\d.]*/g;

/** First cells of the tables and the words of the sentences, without figures and folders, sorted: rows are ranked by their figures. */
const skeleton = (output: string): string[] =>
  output
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("图："))
    .map((line) => (line.startsWith("  ") ? line.trim().split(/ {2,}/)[0]! : line).replace(figure, "N"))
    .sort();

const run = (args: readonly string[]) => promisify(execFile)(process.execPath, ["dist/recipes/run.js", ...args]);

describe("pages of docs/topics", () => {
  test.concurrent.each(names)("%s: the command runs, prints the quoted rows and draws the picture", async (name) => {
    const page = pageOf(name);
    expect(block(page, "bash topic")).toBe(`npm run recipe -- topics/${name}\n`);
    const out = `runs/topics-test/${name}`;
    const { stdout } = await run([`topics/${name}`, "--steps", "2", "--out", out]);
    const drawn = readFileSync(join(out, `${name}.svg`), "utf8");
    expect(drawn).not.toMatch(/NaN|undefined|Infinity/);
    expect(skeleton(stdout)).toEqual(skeleton(block(page, "text topic")));
    const shown = readFileSync(join(folder, "images", `${name}.svg`), "utf8");
    // The same panels, whatever the figures are.
    const panels = (svg: string) =>
      [...svg.matchAll(/class="title">([^<]*)</g)].map(([, title]) => title!.replace(figure, "N"));
    expect(panels(drawn)).toEqual(panels(shown));
    expect(page).toContain(`images/${name}.svg`);
  });

  test("the index lists every page, and no link leads nowhere", () => {
    expect(names).toHaveLength(6);
    const index = pageOf("README");
    for (const name of names) expect(index).toContain(`(${name}.md)`);
    for (const name of ["README", ...names]) {
      const targets = [...pageOf(name).matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target]) => target!);
      for (const target of targets.filter((each) => !each.startsWith("http"))) {
        expect(existsSync(join(folder, target)), `${name}.md links ${target}`).toBe(true);
      }
    }
  });
});

describe("npm run recipe", () => {
  test("is what the pages take it for, and lists the recipes", async () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
    expect(scripts.recipe).toBe("node tools/bootstrap.mjs dist/recipes/run.js");
    const { stdout } = await run([]);
    for (const name of [...names.map((each) => `topics/${each}`), "first-model", "quickstart"]) {
      expect(stdout).toContain(`  ${name}\n`);
    }
  });

  test("suggests the recipe that a misspelt name means", async () => {
    await expect(run(["topics/schedule"])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('did you mean "topics/schedules"?'),
    });
  });
});
