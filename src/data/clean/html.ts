/**
 * Text out of HTML that slipped into it: scripts, styles and comments go whole, tags of blocks become line breaks, others vanish, and
 * entities become characters. Only names that HTML has count as tags, so `a < b`, `<gMASK>` and `List<int>` stay as they are.
 */

const dropped =
  /<!--[\s\S]*?-->|<(script|style|noscript|template|iframe|svg|head)\b[^>]*>[\s\S]*?<\/\1\s*>|<!doctype[^>]*>/gi;

const blockNames =
  "address|article|aside|blockquote|body|br|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|" +
  "hr|html|li|main|nav|ol|optgroup|option|p|pre|section|select|summary|table|tbody|tfoot|thead|tr|ul";
const inlineNames =
  "a|abbr|acronym|audio|b|bdi|bdo|big|button|canvas|caption|cite|code|col|colgroup|data|datalist|del|dfn|em|embed|font|head|i|iframe|" +
  "img|input|ins|kbd|label|legend|link|map|area|mark|meta|nobr|object|output|param|picture|progress|q|rp|rt|ruby|s|samp|script|small|" +
  "source|span|strike|strong|style|sub|sup|svg|td|textarea|th|time|title|tt|u|var|video|wbr";

// Attributes are matched with their quotes, because a quoted value may hold ">".
const attributes = String.raw`(?:\s+[^\s"'<>=/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))?)*\s*/?`;
const blockTag = new RegExp(`</?(?:${blockNames})${attributes}>`, "gi");
const inlineTag = new RegExp(`</?(?:${inlineNames})${attributes}>`, "gi");

/** Removes tags. Entities are left to `decodeEntities`, so that an escaped tag stays text. */
export function removeTags(text: string): string {
  if (!/<[a-z/!]/i.test(text)) return text;
  return text.replace(dropped, "").replace(blockTag, "\n").replace(inlineTag, "");
}

/** Named entities that web pages use; all others stay as they are. */
const named: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", ensp: " ", emsp: " ", thinsp: " ", shy: "" },
  ...{
    copy: "©",
    reg: "®",
    trade: "™",
    deg: "°",
    plusmn: "±",
    times: "×",
    divide: "÷",
    middot: "·",
    bull: "•",
    hellip: "…",
  },
  ...{
    mdash: "—",
    ndash: "–",
    lsquo: "‘",
    rsquo: "’",
    ldquo: "“",
    rdquo: "”",
    laquo: "«",
    raquo: "»",
    sect: "§",
    para: "¶",
  },
  ...{
    cent: "¢",
    pound: "£",
    yen: "¥",
    euro: "€",
    micro: "µ",
    sup2: "²",
    sup3: "³",
    frac12: "½",
    frac14: "¼",
    frac34: "¾",
  },
  ...{
    larr: "←",
    uarr: "↑",
    rarr: "→",
    darr: "↓",
    le: "≤",
    ge: "≥",
    ne: "≠",
    infin: "∞",
    radic: "√",
    permil: "‰",
    prime: "′",
  },
  ...{
    alpha: "α",
    beta: "β",
    gamma: "γ",
    delta: "δ",
    lambda: "λ",
    mu: "μ",
    pi: "π",
    sigma: "σ",
    omega: "ω",
    Delta: "Δ",
    Omega: "Ω",
  },
  ...{
    agrave: "à",
    aacute: "á",
    acirc: "â",
    auml: "ä",
    ccedil: "ç",
    egrave: "è",
    eacute: "é",
    ecirc: "ê",
    euml: "ë",
    iacute: "í",
  },
  ...{
    icirc: "î",
    iuml: "ï",
    ntilde: "ñ",
    oacute: "ó",
    ocirc: "ô",
    ouml: "ö",
    uacute: "ú",
    ucirc: "û",
    uuml: "ü",
    szlig: "ß",
  },
};

/** Turns `&amp;`, `&#20013;` and `&#x4e2d;` into the characters. Once only: `&amp;lt;` is the text `&lt;`. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,7}));/g,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return Object.hasOwn(named, name) ? named[name]! : whole;
      const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      const isCharacter = point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point < 0xe000);
      return isCharacter ? String.fromCodePoint(point) : whole;
    },
  );
}
