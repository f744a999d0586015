/** Poems written on request: does the form hold, do tones and rhymes? */
import type { GenerationItem, GenerationTask, Scores } from "../harness/task.ts";
import { hasForm, type VerseForm, verseForms } from "../verse/form.ts";
import { rhymes } from "../verse/rhymes.ts";
import { toneScore } from "../verse/tones.ts";
import { type PoemTaskOptions, readPoems } from "./poems.ts";

interface PoemRequest extends GenerationItem {
  readonly form: VerseForm;
  /** What the poet wrote. */
  readonly written: string;
}

/** Scores of one text; tones and rhyme are judged only where the form holds. */
function scoresOf(text: string, form: VerseForm): Scores {
  if (!hasForm(text, form)) return { form: 0 };
  const tones = toneScore(text);
  return { form: 1, ...(tones === undefined ? {} : { tones }), rhyme: rhymes(text) ? 1 : 0 };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

export interface PoemFormOptions extends PoemTaskOptions {
  /** Forms asked for. Default: all four. */
  readonly forms?: readonly VerseForm[];
}

export const poemFormTask = ({
  split = "test",
  forms = Object.keys(verseForms) as VerseForm[],
}: PoemFormOptions = {}): GenerationTask<PoemRequest> => ({
  kind: "generation",
  name: "poem-form",
  title: "poems on request: form, tones, rhyme",
  titleZh: "按题作诗：体裁、平仄、押韵",
  note: "Tones and rhymes by modern Mandarin readings (pinyin-pro; rhymes by 中华新韵), judged where the form is right; the reference line is what the poets' own poems reach under the same rules.",
  noteZh:
    "平仄与押韵按现代普通话读音（pinyin-pro，押韵依中华新韵）判断，只计体裁正确的诗；参照线是同题原作在同一规则下的得分。",
  version: 1,
  takesShots: false,
  scores: {
    form: { title: "right form", titleZh: "体裁正确" },
    tones: { title: "tonal rules kept", titleZh: "合平仄" },
    rhyme: { title: "even lines rhyme", titleZh: "押韵" },
  },
  maxNewTokens: 128,
  temperature: 0.8,
  async load({ data }) {
    const poems = (await readPoems({ data }, split)).filter(({ form }) => forms.includes(form));
    return poems.map(({ id, title, form, text }) => ({
      id,
      // The wording that the instructions of the quick start teach.
      prompt: `以“${title}”为题写一首${form}。`,
      group: form,
      form,
      written: text,
    }));
  },
  score: ({ form }, output) => scoresOf(output.trim(), form),
  reference(items) {
    const scores = items.map(({ written, form }) => scoresOf(written, form));
    const names = ["form", "tones", "rhyme"];
    return Object.fromEntries(
      names.flatMap((name) => {
        const values = scores.flatMap((each) => (each[name] === undefined ? [] : [each[name]]));
        return values.length === 0 ? [] : [[name, mean(values)] as const];
      }),
    );
  },
});

export const poemForm = poemFormTask();
